"""The Application Load Balancer in front of the containers."""

from dataclasses import dataclass

from troposphere import elasticloadbalancingv2 as elb
from troposphere.logs import Delivery, DeliveryDestination, DeliverySource

from .context import Context
from .ingress import HTTP_PORT, HTTPS_PORT, STAGE_NAME, Ingress
from .logs import add_log_group
from .network import Network
from .security_groups import CONTAINER_PORT, SecurityGroups

TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
"""The policy that AWS recommends; the default is ELBSecurityPolicy-2016-08
(https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html)."""


@dataclass(frozen=True)
class LoadBalancing:
    """The load balancer, its first listener and the target group that holds the containers."""

    load_balancer: elb.LoadBalancer
    target_group: elb.TargetGroup
    http_listener: elb.Listener


def add_load_balancer(
    context: Context, *, network: Network, ingress: Ingress, security_groups: SecurityGroups
) -> LoadBalancing:
    """Add the load balancer, internet-facing or internal, with its target group and listeners."""
    is_private = ingress.uses_private_ingress
    attributes = {
        "deletion_protection.enabled": context.has_deletion_protection.choose("true", "false"),
        "load_balancing.cross_zone.enabled": "true",
        "routing.http.drop_invalid_header_fields.enabled": "true",
    }
    load_balancer = context.add(
        elb.LoadBalancer(
            "LoadBalancer",
            # ELB refuses an internet-facing load balancer in a VPC without an internet gateway.
            DependsOn=network.internet_gateway_attachment,
            LoadBalancerAttributes=[
                elb.LoadBalancerAttributes(Key=key, Value=value)
                for key, value in attributes.items()
            ],
            Scheme=is_private.choose("internal", "internet-facing"),
            SecurityGroups=[security_groups.load_balancer.ref()],
            Subnets=is_private.choose(network.private_subnet_ids(), network.public_subnet_ids()),
            Type="application",
        )
    )
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
            ProtocolVersion=is_private.choose("HTTP1"),
            TargetGroupAttributes=[
                elb.TargetGroupAttribute(Key="deregistration_delay.timeout_seconds", Value="30")
            ],
            TargetType="ip",
            UnhealthyThresholdCount=3,
            VpcId=network.vpc.ref(),
        )
    )
    http_listener = _add_listeners(context, ingress, load_balancer, target_group)
    _add_access_logs(context, ingress, load_balancer)
    context.add_output("LoadBalancerArn", "The load balancer.", load_balancer.ref())
    dns_name = load_balancer.get_att("DNSName")
    context.add_output("LoadBalancerDnsName", "Load balancer's DNS name.", dns_name)
    context.add_output("TargetGroupArn", "Target group of the containers.", target_group.ref())
    return LoadBalancing(
        load_balancer=load_balancer, target_group=target_group, http_listener=http_listener
    )


def _add_listeners(
    context: Context,
    ingress: Ingress,
    load_balancer: elb.LoadBalancer,
    target_group: elb.TargetGroup,
) -> elb.Listener:
    """Add the listeners; return the one that exists in every environment."""
    forward = elb.Action(TargetGroupArn=target_group.ref(), Type="forward")
    http = context.add(
        elb.Listener(
            "HttpListener",
            DefaultActions=[forward],
            LoadBalancerArn=load_balancer.ref(),
            Port=HTTP_PORT,
            Protocol="HTTP",
        )
    )
    https = context.add(
        elb.Listener(
            "HttpsListener",
            Certificates=[elb.Certificate(CertificateArn=ingress.certificate_arn.ref())],
            Condition=ingress.has_certificate,
            DefaultActions=[forward],
            LoadBalancerArn=load_balancer.ref(),
            Port=HTTPS_PORT,
            Protocol="HTTPS",
            SslPolicy=TLS_POLICY,
        )
    )
    # A rule and not the listener's default action: the service depends on the listener that ties
    # its target group to the load balancer, with and without a certificate.
    redirect = elb.RedirectConfig(Port=str(HTTPS_PORT), Protocol="HTTPS", StatusCode="HTTP_301")
    context.add(
        elb.ListenerRule(
            "RedirectListenerRule",
            Actions=[elb.ListenerRuleAction(RedirectConfig=redirect, Type="redirect")],
            Condition=ingress.has_certificate,
            Conditions=[_path("/*")],
            ListenerArn=http.ref(),
            Priority=1,
        )
    )
    # According to AWS's documentation a private integration puts the stage in front of the path;
    # AWS's samples show none. With this rule the containers receive the path without it
    # (https://docs.aws.amazon.com/apigateway/latest/developerguide/private-integration.html).
    rewrite = elb.RewriteConfig(Regex=f"^/{STAGE_NAME}/(.*)$", Replace="/$1")
    context.add(
        elb.ListenerRule(
            "StageListenerRule",
            Actions=[elb.ListenerRuleAction(TargetGroupArn=target_group.ref(), Type="forward")],
            Condition=ingress.uses_private_ingress,
            Conditions=[_path(f"/{STAGE_NAME}/*")],
            ListenerArn=ingress.has_certificate.choose(https.ref(), http.ref()),
            Priority=2,
            Transforms=[
                elb.Transform(
                    Type="url-rewrite", UrlRewriteConfig=elb.RewriteConfigObject(Rewrites=[rewrite])
                )
            ],
        )
    )
    return http


def _path(pattern: str) -> elb.Condition:
    return elb.Condition(
        Field="path-pattern", PathPatternConfig=elb.PathPatternConfig(Values=[pattern])
    )


def _add_access_logs(context: Context, ingress: Ingress, load_balancer: elb.LoadBalancer) -> None:
    """Deliver access logs to a log group, which is deleted with the stack, unlike a full bucket.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-logs.html
    """
    condition = context.has_detailed_monitoring
    log_group = add_log_group(
        context,
        "LoadBalancerLogGroup",
        is_delivered=True,
        service="aws/vendedlogs/elb",
        writer="load-balancer",
        condition=condition,
    )
    source = context.add(
        DeliverySource(
            "LoadBalancerLogSource",
            Condition=condition,
            LogType="ALB_ACCESS_LOGS",
            # The name changes exactly when the ingress replaces the load balancer, because AWS
            # refuses to update a source with another ARN, which its schema allows, and to create a
            # second source for the same ARN
            # (https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/2513).
            Name=ingress.uses_private_ingress.choose(
                context.environment_name(), context.environment_name(ending="_public")
            ),
            ResourceArn=load_balancer.ref(),
        )
    )
    destination = context.add(
        DeliveryDestination(
            "LoadBalancerLogDestination",
            Condition=condition,
            DestinationResourceArn=log_group.get_att("Arn"),
            Name=context.environment_name(),
        )
    )
    context.add(
        Delivery(
            "LoadBalancerLogDelivery",
            Condition=condition,
            DeliveryDestinationArn=destination.get_att("Arn"),
            # A reference, not the same name: CloudFormation must create the source first.
            DeliverySourceName=source.ref(),
        )
    )
