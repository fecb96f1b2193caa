"""The templates of this project, each composed slice by slice from the network to the alarms."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from troposphere import Template

from iot_pipeline_cfn.template.rendering import Rendering, render

from .api import add_api
from .cache import add_cache
from .context import add_environment
from .database import add_database
from .encryption import add_encryption
from .endpoints import add_endpoints
from .firewall import add_firewall
from .flow_logs import add_flow_logs
from .ingress import add_ingress
from .language_extensions import TRANSFORM
from .load_balancer import add_load_balancer
from .monitoring import add_monitoring
from .network import add_network
from .repository import add_registry
from .rotation import add_rotation
from .security_groups import add_security_groups
from .service import add_service
from .task import add_task


def iot_pipeline() -> Template:
    """Return one whole environment: API, load balancer, containers, database and cache."""
    template = Template(Description="IoT data pipeline of one environment")
    template.set_version("2010-09-09")
    template.set_transform(TRANSFORM)

    environment = add_environment(template)
    encryption = add_encryption(template, environment=environment)
    network = add_network(template, environment=environment)
    add_flow_logs(template, environment=environment, encryption=encryption, network=network)
    ingress = add_ingress(template)
    security_groups = add_security_groups(
        template, environment=environment, network=network, ingress=ingress
    )
    add_endpoints(
        template, environment=environment, network=network, security_groups=security_groups
    )
    load_balancing = add_load_balancer(
        template,
        environment=environment,
        encryption=encryption,
        network=network,
        ingress=ingress,
        security_groups=security_groups,
    )
    repository = add_registry(template, environment=environment, encryption=encryption)
    database = add_database(
        template,
        environment=environment,
        encryption=encryption,
        network=network,
        security_groups=security_groups,
    )
    cache = add_cache(
        template,
        environment=environment,
        encryption=encryption,
        network=network,
        security_groups=security_groups,
    )
    task = add_task(
        template,
        environment=environment,
        encryption=encryption,
        repository=repository,
        database=database,
        cache=cache,
    )
    containers = add_service(
        template,
        environment=environment,
        encryption=encryption,
        network=network,
        security_groups=security_groups,
        load_balancing=load_balancing,
        task=task,
    )
    rotation = add_rotation(
        template, environment=environment, database=database, containers=containers
    )
    api = add_api(
        template,
        environment=environment,
        encryption=encryption,
        network=network,
        ingress=ingress,
        security_groups=security_groups,
        load_balancing=load_balancing,
    )
    add_firewall(template, environment=environment, api=api)
    add_monitoring(
        template,
        environment=environment,
        load_balancing=load_balancing,
        containers=containers,
        database=database,
        cache=cache,
        api=api,
        rotation=rotation,
    )
    return template


TEMPLATES: Mapping[str, Callable[[], Template]] = MappingProxyType({"iot-pipeline": iot_pipeline})
"""What `templates/<name>.json` is rendered from, by name."""


def render_all() -> dict[str, Rendering]:
    """Return every template of `TEMPLATES`, rendered, by its name."""
    return {name: render(build().to_dict()) for name, build in TEMPLATES.items()}
