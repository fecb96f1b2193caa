"""The Application Load Balancer in front of the containers, which answers only the API."""

from dataclasses import dataclass

from troposphere import elasticloadbalancingv2 as elb
from troposphere.logs import Delivery, DeliveryDestination, DeliverySource

from .context import Context
from .ingress import HTTP_PORT, HTTPS_PORT, INGRESS_HEADER, STAGE_NAME, Ingress
from .logs import add_log_group
from .network import Network
from .security_groups import CONTAINER_PORT, SecurityGroups

TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
"""The policy that AWS recommends; the default is ELBSecurityPolicy-2016-08
(https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html)."""


@dataclass(frozen=True)
class LoadBalancing:
    """The load balancer, the target group of the containers, and the rules that forward to it."""

    load_balancer: elb.LoadBalancer
    target_group: elb.TargetGroup
    http_rule: elb.ListenerRule
    https_rule: elb.ListenerRule


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
    http_rule, https_rule = _add_listeners(context, ingress, load_balancer, target_group)
    _add_access_logs(context, ingress, load_balancer)
    context.add_output("LoadBalancerArn", "The load balancer.", load_balancer.ref())
    dns_name = load_balancer.get_att("DNSName")
    context.add_output("LoadBalancerDnsName", "Load balancer's DNS name.", dns_name)
    context.add_output("TargetGroupArn", "Target group of the containers.", target_group.ref())
    return LoadBalancing(
        load_balancer=load_balancer,
        target_group=target_group,
        http_rule=http_rule,
        https_rule=https_rule,
    )


def _add_listeners(
    context: Context,
    ingress: Ingress,
    load_balancer: elb.LoadBalancer,
    target_group: elb.TargetGroup,
) -> tuple[elb.ListenerRule, elb.ListenerRule]:
    """Add the listeners; return their rules that forward the requests of the API."""
    refusal = elb.FixedResponseConfig(
        ContentType="text/plain", MessageBody="Call the API.", StatusCode="403"
    )
    refuse = elb.Action(FixedResponseConfig=refusal, Type="fixed-response")
    http = context.add(
        elb.Listener(
            "HttpListener",
            DefaultActions=[refuse],
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
            DefaultActions=[refuse],
            LoadBalancerArn=load_balancer.ref(),
            Port=HTTPS_PORT,
            Protocol="HTTPS",
            SslPolicy=TLS_POLICY,
        )
    )
    # Only this host name: while the certificate is added or removed, the API calls the load
    # balancer by its own name, and API Gateway does not follow redirects.
    redirect = elb.RedirectConfig(Port=str(HTTPS_PORT), Protocol="HTTPS", StatusCode="HTTP_301")
    host = elb.HostHeaderConfig(Values=[ingress.domain_name.ref()])
    context.add(
        elb.ListenerRule(
            "RedirectListenerRule",
            Actions=[elb.ListenerRuleAction(RedirectConfig=redirect, Type="redirect")],
            Condition=ingress.has_certificate,
            Conditions=[elb.Condition(Field="host-header", HostHeaderConfig=host)],
            ListenerArn=http.ref(),
            Priority=1,
        )
    )
    http_rule = _forwarding_rule("HttpForwardingRule", ingress, http, target_group)
    https_rule = _forwarding_rule("HttpsForwardingRule", ingress, https, target_group)
    return context.add(http_rule), context.add(https_rule, condition=ingress.has_certificate)


def _forwarding_rule(
    title: str, ingress: Ingress, listener: elb.Listener, target_group: elb.TargetGroup
) -> elb.ListenerRule:
    """Return the rule that forwards requests with the secret, and no others."""
    header = elb.HttpHeaderConfig(
        HttpHeaderName=INGRESS_HEADER, Values=[ingress.secret_reference()]
    )
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
        ListenerArn=listener.ref(),
        Priority=3,
        Transforms=[
            elb.Transform(
                Type="url-rewrite", UrlRewriteConfig=elb.RewriteConfigObject(Rewrites=[rewrite])
            )
        ],
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
