"""The containers behind a load balancer: their target group, and the rules that forward to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from troposphere import AWSHelperFn, AWSObject, Not, Sub
from troposphere import elasticloadbalancingv2 as elb
from troposphere.secretsmanager import Secret

from .conditions import Condition
from .context import Context
from .ingress import INGRESS_HEADER, STAGE_NAME, Ingress, secret_reference
from .load_balancer import LoadBalancer
from .network import Network
from .security_groups import CONTAINER_PORT, LoadBalancerGroups

Dimensions = Mapping[str, AWSHelperFn]


@dataclass(frozen=True)
class Access:
    """One way in which an API can call containers.

    Attributes:
        name: A part of logical IDs.
        terms: The conditions under which the API calls them in this way.
        called: What must exist before it can.

    """

    name: str
    terms: Sequence[AWSHelperFn]
    called: Sequence[AWSObject]


@dataclass(frozen=True)
class LoadBalancing:
    """What an environment needs of its load balancer, whichever stack has it.

    Attributes:
        target_group: The target group of the containers.
        rule: A rule that associates the target group with the load balancer.
        accesses: The ways in which the API can call the containers, one at a time.
        integration: The properties of an API's integration that say what it calls.
        stage_variables: The variables to which these properties refer.
        full_name: The load balancer's name in metrics.
        errors: The metrics of failed requests, with their dimensions.
        scaling_label: The target group's name in the metric by which the service scales.

    """

    target_group: elb.TargetGroup
    rule: elb.ListenerRule
    accesses: Sequence[Access]
    integration: Mapping[str, Any]
    stage_variables: Mapping[str, AWSHelperFn]
    full_name: AWSHelperFn
    errors: Mapping[str, Dimensions]
    scaling_label: Sub


def add_target_group(
    context: Context, *, network: Network, uses_private_ingress: Condition
) -> elb.TargetGroup:
    """Add the target group of the containers."""
    target_group = context.add(
        elb.TargetGroup(
            "TargetGroup",
            HealthCheckIntervalSeconds=30,
            HealthCheckPath="/",
            HealthyThresholdCount=2,
            Matcher=elb.Matcher(HttpCode="200"),
            Port=CONTAINER_PORT,
            Protocol="HTTP",
            # HTTP1 is also the default. Set with private ingress only, it makes a change of ingress
            # replace the target group: it cannot belong to the old and the new load balancer.
            ProtocolVersion=uses_private_ingress.choose("HTTP1"),
            TargetGroupAttributes=[
                elb.TargetGroupAttribute(Key="deregistration_delay.timeout_seconds", Value="30")
            ],
            TargetType="ip",
            UnhealthyThresholdCount=3,
            VpcId=network.vpc_id,
        )
    )
    context.add_output("TargetGroupArn", "Target group of the containers.", target_group.ref())
    return target_group


def forwarding_rule(
    title: str,
    *,
    listener: AWSHelperFn,
    priority: AWSHelperFn | int,
    secret: Secret,
    target_group: elb.TargetGroup,
) -> elb.ListenerRule:
    """Return the rule that forwards requests with the secret, and no others."""
    header = elb.HttpHeaderConfig(HttpHeaderName=INGRESS_HEADER, Values=[secret_reference(secret)])
    # According to AWS's documentation a private integration puts the stage in front of the path;
    # AWS's samples show none. The containers receive the path without it. A path that does not
    # match stays as it is
    # (https://docs.aws.amazon.com/apigateway/latest/developerguide/private-integration.html,
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-transforms.html).
    rewrite = elb.RewriteConfig(Regex=f"^/{STAGE_NAME}/(.*)$", Replace="/$1")
    return elb.ListenerRule(
        title,
        Actions=[elb.ListenerRuleAction(TargetGroupArn=target_group.ref(), Type="forward")],
        Conditions=[elb.Condition(Field="http-header", HttpHeaderConfig=header)],
        ListenerArn=listener,
        Priority=priority,
        Transforms=[
            elb.Transform(
                Type="url-rewrite", UrlRewriteConfig=elb.RewriteConfigObject(Rewrites=[rewrite])
            )
        ],
    )


def add_targets(
    context: Context,
    *,
    network: Network,
    ingress: Ingress,
    groups: LoadBalancerGroups,
    load_balancer: LoadBalancer,
    secret: Secret,
) -> LoadBalancing:
    """Add the target group, and the rules of a load balancer that this environment alone has."""
    private, https = ingress.uses_private_ingress.as_term(), ingress.has_certificate.as_term()
    target_group = add_target_group(
        context, network=network, uses_private_ingress=ingress.uses_private_ingress
    )
    http_rule, https_rule = (
        context.add(
            forwarding_rule(
                f"{scheme}ForwardingRule",
                listener=listener.ref(),
                priority=3,
                secret=secret,
                target_group=target_group,
            ),
            condition=condition,
        )
        for scheme, listener, condition in (
            ("Http", load_balancer.http, None),
            ("Https", load_balancer.https, ingress.has_certificate),
        )
    )
    is_private, balancer = ingress.uses_private_ingress, load_balancer.load_balancer
    full_name = balancer.get_att("LoadBalancerFullName")
    return LoadBalancing(
        target_group=target_group,
        rule=http_rule,
        accesses=[
            Access("PrivateHttps", [private, https], [https_rule]),
            Access("PrivateHttp", [private, Not(https)], [http_rule]),
            Access("PublicHttps", [Not(private), https], [https_rule, groups.public_https]),
            Access("PublicHttp", [Not(private), Not(https)], [http_rule]),
        ],
        integration={
            "ConnectionId": is_private.choose(load_balancer.vpc_link.ref()),
            "ConnectionType": is_private.choose("VPC_LINK", "INTERNET"),
            "IntegrationTarget": is_private.choose(balancer.ref()),
            # The host name must be the certificate's.
            "Uri": ingress.has_certificate.choose(
                "https://${stageVariables.domainName}/ingest",
                Sub(f"http://${{{balancer.title}.DNSName}}/ingest"),
            ),
        },
        stage_variables={"domainName": ingress.has_certificate.choose(ingress.domain_name.ref())},
        full_name=full_name,
        errors={
            metric: {"LoadBalancer": full_name}
            for metric in ("HTTPCode_ELB_5XX_Count", "HTTPCode_Target_5XX_Count")
        },
        scaling_label=Sub(
            f"${{{balancer.title}.LoadBalancerFullName}}/"
            f"${{{target_group.title}.TargetGroupFullName}}"
        ),
    )
