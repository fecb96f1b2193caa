"""The Application Load Balancer in front of the containers, and the VPC link to it."""

from dataclasses import dataclass

from troposphere import elasticloadbalancingv2 as elb
from troposphere.apigatewayv2 import VpcLink
from troposphere.logs import Delivery, DeliveryDestination, DeliverySource

from .conditions import ALWAYS
from .context import Context
from .ingress import HTTP_PORT, HTTPS_PORT, Ingress
from .logs import add_log_group
from .network import Vpc
from .security_groups import LoadBalancerGroups

TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
"""The policy that AWS recommends; the default is ELBSecurityPolicy-2016-08
(https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html)."""


@dataclass(frozen=True)
class LoadBalancer:
    """The load balancer, its listeners and, with private ingress, the VPC link to it."""

    load_balancer: elb.LoadBalancer
    http: elb.Listener
    https: elb.Listener
    vpc_link: VpcLink


def add_load_balancer(
    context: Context, *, vpc: Vpc, ingress: Ingress, groups: LoadBalancerGroups
) -> LoadBalancer:
    """Add the load balancer, internet-facing or internal, whose listeners refuse all requests."""
    is_private = ingress.uses_private_ingress
    attributes = {
        "deletion_protection.enabled": context.has_deletion_protection.choose("true", "false"),
        "load_balancing.cross_zone.enabled": "true",
        "routing.http.drop_invalid_header_fields.enabled": "true",
    }
    load_balancer = elb.LoadBalancer(
        "LoadBalancer",
        LoadBalancerAttributes=[
            elb.LoadBalancerAttributes(Key=key, Value=value) for key, value in attributes.items()
        ],
        Scheme=is_private.choose("internal", "internet-facing"),
        SecurityGroups=[groups.load_balancer.ref()],
        Subnets=is_private.choose(vpc.private_subnet_ids(), vpc.public_subnet_ids()),
        Type="application",
    )
    if is_private is not ALWAYS:
        # ELB refuses an internet-facing load balancer in a VPC without an internet gateway.
        load_balancer.DependsOn = vpc.internet_gateway_attachment
    context.add(load_balancer)
    http, https = _add_listeners(context, ingress, load_balancer)
    _add_access_logs(context, ingress, load_balancer)
    context.add_output("LoadBalancerArn", "The load balancer.", load_balancer.ref())
    dns_name = load_balancer.get_att("DNSName")
    context.add_output("LoadBalancerDnsName", "Load balancer's DNS name.", dns_name)
    vpc_link = VpcLink(
        "VpcLink",
        Name=context.environment_name(),
        SecurityGroupIds=[groups.vpc_link.ref()],
        SubnetIds=vpc.private_subnet_ids(),
    )
    context.add(vpc_link, condition=is_private)
    context.add_output("VpcLinkId", "VPC link of the API.", vpc_link.ref(), condition=is_private)
    return LoadBalancer(load_balancer=load_balancer, http=http, https=https, vpc_link=vpc_link)


def _add_listeners(
    context: Context, ingress: Ingress, load_balancer: elb.LoadBalancer
) -> tuple[elb.Listener, elb.Listener]:
    """Add the listeners for HTTP and HTTPS."""
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
    return http, https


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
