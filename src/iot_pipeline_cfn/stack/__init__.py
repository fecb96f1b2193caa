"""The templates of this project, each composed from components: its topology, top to bottom."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from troposphere import Template

from iot_pipeline_cfn.template.rendering import Rendering, render

from .api import add_api
from .cache import add_cache
from .context import Context
from .database import add_database
from .deployers import add_deployers
from .encryption import add_encryption
from .endpoints import add_endpoints
from .firewall import add_firewall
from .ingress import add_ingress
from .load_balancer import add_load_balancer
from .logs import add_flow_logs
from .monitoring import add_monitoring
from .network import add_network
from .origin import add_origin
from .repository import add_repository
from .rotation import add_rotation
from .security_groups import add_security_groups
from .service import add_service
from .shared_resources import add_api_logging, add_bucket
from .task import add_task


def iot_pipeline() -> Template:
    """Compose one environment: API, load balancer, containers, database and cache."""
    context = Context("IoT data pipeline of one environment")
    context.add_environment()
    add_origin(context)

    context.encryption = add_encryption(context)
    with context.group("Network"):
        network = add_network(context)
        add_flow_logs(context, network=network)
    with context.group("Ingress"):
        ingress = add_ingress(context)
    security_groups = add_security_groups(context, network=network, ingress=ingress)
    add_endpoints(context, network=network, security_groups=security_groups)
    load_balancing = add_load_balancer(
        context, network=network, ingress=ingress, security_groups=security_groups
    )
    repository = add_repository(context)
    with context.group("Database"):
        database = add_database(context, network=network, security_groups=security_groups)
    with context.group("Cache"):
        cache = add_cache(context, network=network, security_groups=security_groups)
    with context.group("Containers"):
        task = add_task(context, repository=repository, database=database, cache=cache)
        containers = add_service(
            context,
            network=network,
            security_groups=security_groups,
            load_balancing=load_balancing,
            task=task,
        )
    rotation = add_rotation(context, database=database, containers=containers)
    with context.group("API"):
        api = add_api(
            context,
            network=network,
            ingress=ingress,
            security_groups=security_groups,
            load_balancing=load_balancing,
        )
        add_firewall(context, api=api)
    add_monitoring(
        context,
        load_balancing=load_balancing,
        containers=containers,
        database=database,
        cache=cache,
        api=api,
        rotation=rotation,
    )
    context.add_boundary()
    context.add_names()
    return context.template


def account() -> Template:
    """Compose what an account needs once in each Region before environments are deployed."""
    context = Context("What deploying IoT data pipelines needs once in an account and Region")
    context.add_account()

    bucket = add_bucket(context)
    with context.group("API"):
        add_api_logging(context)
    with context.group("GitHub"):
        add_deployers(context, bucket=bucket)
    context.add_names()
    return context.template


TEMPLATES: Mapping[str, Callable[[], Template]] = MappingProxyType(
    {"account": account, "iot-pipeline": iot_pipeline}
)
"""The function that composes `templates/<name>.json`, by name."""


def render_all() -> dict[str, Rendering]:
    """Render every template of `TEMPLATES`; return the renderings by name."""
    return {name: render(build().to_dict()) for name, build in TEMPLATES.items()}
