"""A network that environments share: what its stack exports, and what an environment imports.

CloudFormation refuses to delete a stack whose exports are imported, and to change their values
(https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html).
"""

from dataclasses import dataclass
from typing import Final

from troposphere import Export, ImportValue, Parameter, Sub
from troposphere.secretsmanager import Secret

from iot_pipeline_cfn.template.file_rules import NETWORK, NETWORK_RULE
from iot_pipeline_cfn.template.parameters import NETWORK_PARAMETER, PROJECT, SLOT_PARAMETER, SLOTS

from . import naming
from .conditions import ALWAYS
from .context import Context
from .ingress import Ingress
from .load_balancer import LoadBalancer
from .network import Network
from .targets import Access, LoadBalancing, add_target_group, forwarding_rule

PRIVATE_CIDRS: Final = ("10.0.8.0/21", "10.0.16.0/21")
"""2,043 addresses in each zone. An environment takes about 15 while its tasks are replaced."""


def add_exports(
    context: Context, *, ingress: Ingress, network: Network, load_balancer: LoadBalancer
) -> None:
    """Export all outputs, with those that only an environment needs."""
    balancer = load_balancer.load_balancer
    listener = ingress.has_certificate.choose(load_balancer.https.ref(), load_balancer.http.ref())
    full_name = balancer.get_att("LoadBalancerFullName")
    # The host name must be the certificate's.
    url = ingress.has_certificate.choose(
        Sub(f"https://${{{ingress.domain_name.title}}}"),
        Sub(f"http://${{{balancer.title}.DNSName}}"),
    )
    for name, description, value in (
        ("DatabaseSubnetGroupName", "Subnet group of databases.", network.database_subnet_group),
        ("CacheSubnetGroupName", "Subnet group of caches.", network.cache_subnet_group),
        *(
            (f"PrivateZone{number}", f"Availability zone {number}.", zone)
            for number, zone in enumerate(network.private_zones, 1)
        ),
        ("ListenerArn", "Listener with the rules of the environments.", listener),
        ("LoadBalancerName", "Load balancer's name in metrics.", full_name),
        ("LoadBalancerUrl", "URL with which APIs call the load balancer.", url),
    ):
        context.add_output(name, description, value)
    for name, output in context.template.outputs.items():
        output.Export = Export(context.environment_name(ending=f":{name}"))


@dataclass(frozen=True)
class SharedNetwork:
    """The shared network of an environment, and the environment's slot in it."""

    name: Parameter
    slot: Parameter

    def value(self, output: str) -> ImportValue:
        """Return the value of an output of the network's stack."""
        return ImportValue(Sub(f"{PROJECT}-${{{self.name.title}}}:{output}"))

    def network(self) -> Network:
        """Return the network of the environment's own parts."""
        return Network(
            vpc_id=self.value("VpcId"),
            private_subnet_ids=[self.value(f"PrivateSubnet{number}Id") for number in (1, 2)],
            private_zones=[self.value(f"PrivateZone{number}") for number in (1, 2)],
            database_subnet_group=self.value("DatabaseSubnetGroupName"),
            cache_subnet_group=self.value("CacheSubnetGroupName"),
        )


def add_shared_network(context: Context) -> SharedNetwork:
    """Add the parameters that choose a shared network and the environment's slot in it."""
    name = context.add_parameter(
        Parameter(
            NETWORK_PARAMETER,
            Type="String",
            AllowedPattern=f"^{NETWORK.pattern}$",
            ConstraintDescription=f"{NETWORK_RULE}.",
            Default="shared-network",
            Description="Suffix of the shared network. Cannot be changed later.",
            MaxLength=naming.SUFFIX_MAX_LENGTH,
        ),
        label="Network",
    )
    slot = context.add_number(
        SLOT_PARAMETER,
        default=1,
        maximum=SLOTS,
        description="Set by the deployer: the priority of the environment's rule at the load "
        "balancer, which no other environment may have.",
        label="Slot",
    )
    return SharedNetwork(name, slot)


def add_shared_targets(
    context: Context, *, network: Network, shared: SharedNetwork, secret: Secret
) -> LoadBalancing:
    """Add the target group and its rule at the listener that the environments share."""
    target_group = add_target_group(context, network=network, uses_private_ingress=ALWAYS)
    rule = context.add(
        forwarding_rule(
            "ForwardingRule",
            listener=shared.value("ListenerArn"),
            priority=shared.slot.ref(),
            secret=secret,
            target_group=target_group,
        )
    )
    full_name = shared.value("LoadBalancerName")
    return LoadBalancing(
        target_group=target_group,
        rule=rule,
        accesses=[Access("Shared", [], [rule])],
        integration={
            "ConnectionId": shared.value("VpcLinkId"),
            "ConnectionType": "VPC_LINK",
            "IntegrationTarget": shared.value("LoadBalancerArn"),
            "Uri": Sub("${Url}/ingest", Url=shared.value("LoadBalancerUrl")),
        },
        stage_variables={},
        full_name=full_name,
        # The load balancer's own errors, such as no healthy target, have no target group, and the
        # API answers with them.
        errors={
            "HTTPCode_Target_5XX_Count": {
                "LoadBalancer": full_name,
                "TargetGroup": target_group.get_att("TargetGroupFullName"),
            }
        },
        scaling_label=Sub(
            f"${{LoadBalancer}}/${{{target_group.title}.TargetGroupFullName}}",
            LoadBalancer=full_name,
        ),
    )
