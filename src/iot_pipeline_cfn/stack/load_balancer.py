"""The Application Load Balancer in front of the containers."""

from dataclasses import dataclass

from troposphere import If, NoValue, Template
from troposphere.elasticloadbalancingv2 import (
    Action,
    Certificate,
    Condition,
    Listener,
    ListenerRule,
    ListenerRuleAction,
    LoadBalancer,
    LoadBalancerAttributes,
    Matcher,
    PathPatternConfig,
    RedirectConfig,
    RewriteConfig,
    RewriteConfigObject,
    TargetGroup,
    TargetGroupAttribute,
    Transform,
)
from troposphere.logs import Delivery, DeliveryDestination, DeliverySource

from .context import Environment
from .encryption import Encryption
from .ingress import HTTP_PORT, HTTPS_PORT, STAGE_NAME, Ingress
from .log_groups import add_log_group
from .naming import environment_name, tags
from .network import Network
from .sections import add_output
from .security_groups import CONTAINER_PORT, SecurityGroups

COMPONENT = "load-balancer"

TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
"""What AWS recommends; left out, CloudFormation takes ELBSecurityPolicy-2016-08
(https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html)."""


@dataclass(frozen=True)
class LoadBalancing:
    """The load balancer, its first listener and the target group that holds the containers."""

    load_balancer: LoadBalancer
    target_group: TargetGroup
    http_listener: Listener


def add_load_balancer(
    template: Template,
    *,
    environment: Environment,
    encryption: Encryption,
    network: Network,
    ingress: Ingress,
    security_groups: SecurityGroups,
) -> LoadBalancing:
    """Add the load balancer, internet-facing or internal, with its target group and listeners."""
    load_balancer = template.add_resource(
        LoadBalancer(
            "LoadBalancer",
            # An internet-facing load balancer is refused while the VPC has no internet gateway.
            DependsOn=network.internet_gateway_attachment,
            LoadBalancerAttributes=[
                LoadBalancerAttributes(
                    Key="deletion_protection.enabled",
                    Value=If(environment.has_deletion_protection, "true", "false"),
                ),
                LoadBalancerAttributes(Key="load_balancing.cross_zone.enabled", Value="true"),
                LoadBalancerAttributes(
                    Key="routing.http.drop_invalid_header_fields.enabled", Value="true"
                ),
            ],
            Scheme=If(ingress.uses_private_ingress, "internal", "internet-facing"),
            SecurityGroups=[security_groups.load_balancer.ref()],
            Subnets=If(
                ingress.uses_private_ingress,
                [subnet.ref() for subnet in network.private_subnets],
                [subnet.ref() for subnet in network.public_subnets],
            ),
            Tags=tags(environment.suffix, "load-balancer", component=COMPONENT),
            Type="application",
        )
    )
    target_group = template.add_resource(
        TargetGroup(
            "TargetGroup",
            HealthCheckIntervalSeconds=30,
            HealthCheckPath="/",
            HealthyThresholdCount=2,
            Matcher=Matcher(HttpCode="200"),
            Port=CONTAINER_PORT,
            Protocol="HTTP",
            # HTTP1 is the default. Saying so with private ingress only makes a change of ingress
            # replace the target group with the load balancer: it cannot belong to both at once.
            ProtocolVersion=If(ingress.uses_private_ingress, "HTTP1", NoValue),
            Tags=tags(environment.suffix, "target-group", component=COMPONENT),
            TargetGroupAttributes=[
                TargetGroupAttribute(Key="deregistration_delay.timeout_seconds", Value="30")
            ],
            TargetType="ip",
            UnhealthyThresholdCount=3,
            VpcId=network.vpc.ref(),
        )
    )
    http_listener = _add_listeners(template, environment, ingress, load_balancer, target_group)
    _add_access_logs(template, environment, encryption, load_balancer)
    add_output(template, "LoadBalancerArn", "The load balancer.", load_balancer.ref())
    add_output(
        template,
        "LoadBalancerDnsName",
        "Load balancer's DNS name.",
        load_balancer.get_att("DNSName"),
    )
    add_output(template, "TargetGroupArn", "Target group of the containers.", target_group.ref())
    return LoadBalancing(
        load_balancer=load_balancer, target_group=target_group, http_listener=http_listener
    )


def _add_listeners(
    template: Template,
    environment: Environment,
    ingress: Ingress,
    load_balancer: LoadBalancer,
    target_group: TargetGroup,
) -> Listener:
    """Add the listeners and return the one that exists in every environment."""
    http = template.add_resource(
        Listener(
            "HttpListener",
            DefaultActions=[Action(TargetGroupArn=target_group.ref(), Type="forward")],
            LoadBalancerArn=load_balancer.ref(),
            Port=HTTP_PORT,
            Protocol="HTTP",
            Tags=tags(environment.suffix, "http", component=COMPONENT),
        )
    )
    https = template.add_resource(
        Listener(
            "HttpsListener",
            Certificates=[Certificate(CertificateArn=ingress.certificate_arn.ref())],
            Condition=ingress.has_certificate,
            DefaultActions=[Action(TargetGroupArn=target_group.ref(), Type="forward")],
            LoadBalancerArn=load_balancer.ref(),
            Port=HTTPS_PORT,
            Protocol="HTTPS",
            SslPolicy=TLS_POLICY,
            Tags=tags(environment.suffix, "https", component=COMPONENT),
        )
    )
    # A rule and not the listener's own action: the service waits for the listener that ties its
    # target group to the load balancer, which must be the same one with and without certificate.
    redirect = RedirectConfig(Port=str(HTTPS_PORT), Protocol="HTTPS", StatusCode="HTTP_301")
    template.add_resource(
        ListenerRule(
            "RedirectListenerRule",
            Actions=[ListenerRuleAction(RedirectConfig=redirect, Type="redirect")],
            Condition=ingress.has_certificate,
            Conditions=[_path("/*")],
            ListenerArn=http.ref(),
            Priority=1,
            Tags=tags(environment.suffix, "redirect", component=COMPONENT),
        )
    )
    # By AWS's documentation a private integration puts the stage in front of the path, by its
    # samples it does not. The containers see the path without it either way
    # (https://docs.aws.amazon.com/apigateway/latest/developerguide/private-integration.html).
    rewrite = RewriteConfig(Regex=f"^/{STAGE_NAME}/(.*)$", Replace="/$1")
    template.add_resource(
        ListenerRule(
            "StageListenerRule",
            Actions=[ListenerRuleAction(TargetGroupArn=target_group.ref(), Type="forward")],
            Condition=ingress.uses_private_ingress,
            Conditions=[_path(f"/{STAGE_NAME}/*")],
            ListenerArn=If(ingress.has_certificate, https.ref(), http.ref()),
            Priority=2,
            Tags=tags(environment.suffix, "stage", component=COMPONENT),
            Transforms=[
                Transform(
                    Type="url-rewrite",
                    UrlRewriteConfig=RewriteConfigObject(Rewrites=[rewrite]),
                )
            ],
        )
    )
    return http


def _path(pattern: str) -> Condition:
    return Condition(Field="path-pattern", PathPatternConfig=PathPatternConfig(Values=[pattern]))


def _add_access_logs(
    template: Template,
    environment: Environment,
    encryption: Encryption,
    load_balancer: LoadBalancer,
) -> None:
    """Deliver access logs to a log group, which deletes with the stack; a bucket of logs does not.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-and-resource-policy.html
    """
    condition = environment.has_detailed_monitoring
    log_group = add_log_group(
        template,
        "LoadBalancerLogGroup",
        # Delivery writes under this prefix without a resource policy of ours, of which a region
        # has ten.
        service="aws/vendedlogs/elb",
        component=COMPONENT,
        environment=environment,
        encryption=encryption,
        condition=condition,
    )
    source = template.add_resource(
        DeliverySource(
            "LoadBalancerLogSource",
            Condition=condition,
            LogType="ALB_ACCESS_LOGS",
            Name=environment_name(environment.suffix),
            ResourceArn=load_balancer.ref(),
            Tags=tags(environment.suffix, "load-balancer-logs", component=COMPONENT),
        )
    )
    destination = template.add_resource(
        DeliveryDestination(
            "LoadBalancerLogDestination",
            Condition=condition,
            DestinationResourceArn=log_group.get_att("Arn"),
            Name=environment_name(environment.suffix),
            Tags=tags(environment.suffix, "load-balancer-logs", component=COMPONENT),
        )
    )
    template.add_resource(
        Delivery(
            "LoadBalancerLogDelivery",
            Condition=condition,
            DeliveryDestinationArn=destination.get_att("Arn"),
            # The source's name, in words that make the delivery wait for the source.
            DeliverySourceName=source.ref(),
            Tags=tags(environment.suffix, "load-balancer-logs", component=COMPONENT),
        )
    )
