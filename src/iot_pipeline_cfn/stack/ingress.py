"""The ingress: how requests reach the containers, which security, load balancer and API share."""

from dataclasses import dataclass

from troposphere import If, Parameter

from .conditions import Condition, is_given
from .context import Context

HTTP_PORT = 80
HTTPS_PORT = 443
STAGE_NAME = "prod"


@dataclass(frozen=True)
class Ingress:
    """The choice between public and private ingress, and the certificate."""

    certificate_arn: Parameter
    domain_name: Parameter
    uses_private_ingress: Condition
    has_certificate: Condition

    def listener_port(self) -> If:
        """Return the port on which the load balancer forwards to the containers."""
        return self.has_certificate.choose(HTTPS_PORT, HTTP_PORT)


def add_ingress(context: Context) -> Ingress:
    """Add the choice between public and private ingress, and the certificate."""
    uses_private_ingress = context.add_switch(
        "Ingress",
        ("public", "private"),
        condition="UsesPrivateIngress",
        description="Public is an internet-facing load balancer, which can be called without the "
        "API. Private is an internal one. A change replaces the load balancer, requires "
        "that deletion protection is disabled, and interrupts the service.",
        label="Ingress",
    )
    # No file contains these, because a certificate belongs to an account.
    certificate_arn = context.add_optional(
        "CertificateArn",
        r"arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/[0-9a-f-]+",
        constraint="The ARN of an ACM certificate.",
        description="Optional: certificate for HTTPS, to which HTTP then redirects.",
        label="Certificate",
    )
    domain_name = context.add_optional(
        "DomainName",
        r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}",
        constraint="A lowercase domain name, such as iot.example.com.",
        description="Domain name of the certificate, with which the API calls the load balancer. "
        "With public ingress, it needs a DNS record for the load balancer.",
        label="Domain name",
    )
    context.add_rule(
        "Certificate",
        condition=is_given(certificate_arn),
        assertion=is_given(domain_name),
        description="CertificateArn needs the DomainName it was issued for.",
    )
    return Ingress(
        certificate_arn=certificate_arn,
        domain_name=domain_name,
        uses_private_ingress=uses_private_ingress,
        has_certificate=context.add_condition("HasCertificate", is_given(certificate_arn)),
    )
