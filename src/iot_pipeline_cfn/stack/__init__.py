"""The templates of this project, each composed from components: its topology, top to bottom."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from troposphere import Template
from troposphere.secretsmanager import Secret

from iot_pipeline_cfn.template.rendering import Rendering, render

from .api import add_api
from .cache import add_cache
from .context import Context
from .database import add_database
from .deployers import add_deployers
from .encryption import add_encryption
from .endpoints import add_endpoints
from .firewall import add_firewall
from .ingress import add_ingress, add_ingress_secret, add_private_ingress
from .load_balancer import add_load_balancer
from .logs import add_flow_logs
from .monitoring import add_monitoring
from .network import Network, add_vpc
from .origin import add_origin
from .repository import add_repository
from .rotation import add_rotation
from .security_groups import (
    SecurityGroups,
    add_egress_to_containers,
    add_endpoints_group,
    add_load_balancer_groups,
    add_security_groups,
    add_shared_endpoints_group,
)
from .service import add_service
from .shared_network import (
    PRIVATE_CIDRS,
    add_exports,
    add_shared_network,
    add_shared_targets,
)
from .shared_resources import add_api_logging, add_bucket
from .subnet_groups import add_subnet_groups
from .targets import LoadBalancing, add_targets
from .task import add_task


def iot_pipeline() -> Template:
    """Compose one environment: API, load balancer, containers, database and cache."""
    context = Context("IoT data pipeline of one environment")
    context.add_environment()
    add_origin(context)

    context.encryption = add_encryption(context)
    with context.group("Network"):
        vpc = add_vpc(context)
        add_flow_logs(context, vpc=vpc)
    network = add_subnet_groups(context, vpc=vpc)
    with context.group("Ingress"):
        ingress = add_ingress(context)
    secret = add_ingress_secret(context)
    front = add_load_balancer_groups(context, vpc=vpc, ingress=ingress)
    groups = add_security_groups(context, network=network, load_balancer=front.load_balancer.ref())
    add_egress_to_containers(context, load_balancer=front.load_balancer, groups=groups)
    endpoints = add_endpoints_group(context, vpc=vpc, groups=groups)
    add_endpoints(context, vpc=vpc, group=endpoints)
    load_balancer = add_load_balancer(context, vpc=vpc, ingress=ingress, groups=front)
    load_balancing = add_targets(
        context,
        network=network,
        ingress=ingress,
        groups=front,
        load_balancer=load_balancer,
        secret=secret,
    )
    _add_workload(
        context,
        network=network,
        groups=groups,
        load_balancing=load_balancing,
        ingress_secret=secret,
    )
    return context.template


def shared_network() -> Template:
    """Compose a network for environments that have none of their own."""
    context = Context("Network that environments of the IoT data pipeline share")
    context.add_environment()

    context.encryption = add_encryption(context)
    with context.group("Network"):
        vpc = add_vpc(context, private_cidrs=PRIVATE_CIDRS)
        add_flow_logs(context, vpc=vpc)
    network = add_subnet_groups(context, vpc=vpc)
    with context.group("Ingress"):
        ingress = add_private_ingress(context)
    front = add_load_balancer_groups(context, vpc=vpc, ingress=ingress, targets=PRIVATE_CIDRS)
    endpoints = add_shared_endpoints_group(context, vpc=vpc, cidrs=PRIVATE_CIDRS)
    add_endpoints(context, vpc=vpc, group=endpoints)
    load_balancer = add_load_balancer(context, vpc=vpc, ingress=ingress, groups=front)
    add_exports(context, ingress=ingress, network=network, load_balancer=load_balancer)
    context.add_boundary()
    context.add_names()
    context.describe(
        Availability="Multi-zone adds interface endpoints in the second zone.",
        CertificateArn="Optional: certificate for HTTPS between APIs and load balancer. Without "
        "it, that hop is clear text. Cannot be changed while environments use the network.",
        DeletionProtection="Deletion protection of the load balancer, if Durability is protected. "
        "Disable it before deleting the stack.",
        DomainName="Domain name of the certificate, with which the APIs call the load balancer.",
        Durability="Protected adds deletion protection.",
        EncryptionKey="Customer-managed is one KMS key of the stack, which rotates, for the logs.",
        EnvironmentSuffix="Suffix of the network's names, such as shared-network.",
        Monitoring="Detailed adds the load balancer's access logs, which a change to basic "
        "deletes.",
    )
    return context.template


def iot_pipeline_shared() -> Template:
    """Compose one environment in a shared network."""
    context = Context("IoT data pipeline of one environment in a shared network")
    context.add_environment()
    add_origin(context)

    context.encryption = add_encryption(context)
    with context.group("Network"):
        shared = add_shared_network(context)
    network = shared.network()
    secret = add_ingress_secret(context)
    groups = add_security_groups(
        context, network=network, load_balancer=shared.value("LoadBalancerSecurityGroupId")
    )
    load_balancing = add_shared_targets(context, network=network, shared=shared, secret=secret)
    _add_workload(
        context,
        network=network,
        groups=groups,
        load_balancing=load_balancing,
        ingress_secret=secret,
    )
    context.describe(
        Availability="Multi-zone adds a standby database and a second cache node. A change "
        "replaces the cache.",
        DeletionProtection="Deletion protection of the database, if Durability is protected. "
        "Disable it before deleting the stack; snapshots are kept all the same.",
        Monitoring="Detailed adds enhanced monitoring, insights into database and containers, and "
        "X-Ray.",
    )
    return context.template


def _add_workload(
    context: Context,
    *,
    network: Network,
    groups: SecurityGroups,
    load_balancing: LoadBalancing,
    ingress_secret: Secret,
) -> None:
    """Add what an environment runs in a network, its own or a shared one."""
    repository = add_repository(context)
    with context.group("Database"):
        database = add_database(context, network=network, security_groups=groups)
    with context.group("Cache"):
        cache = add_cache(context, network=network, security_groups=groups)
    with context.group("Containers"):
        task = add_task(context, repository=repository, database=database, cache=cache)
        containers = add_service(
            context,
            network=network,
            security_groups=groups,
            load_balancing=load_balancing,
            task=task,
        )
    rotation = add_rotation(context, database=database, containers=containers)
    with context.group("API"):
        api = add_api(context, load_balancing=load_balancing, ingress_secret=ingress_secret)
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
    {
        "account": account,
        "iot-pipeline": iot_pipeline,
        "iot-pipeline-shared": iot_pipeline_shared,
        "shared-network": shared_network,
    }
)
"""The function that composes `templates/<name>.json`, by name."""


def render_all() -> dict[str, Rendering]:
    """Render every template of `TEMPLATES`; return the renderings by name."""
    return {name: render(build().to_dict()) for name, build in TEMPLATES.items()}
