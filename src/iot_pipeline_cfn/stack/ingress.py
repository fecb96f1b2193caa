"""How requests reach the containers: the choices that security, load balancer and API share."""

from dataclasses import dataclass

from troposphere import Equals, If, Parameter, Template

from .sections import add_choice, add_condition, add_optional, is_given

HTTP_PORT = 80
HTTPS_PORT = 443
STAGE_NAME = "prod"


@dataclass(frozen=True)
class Ingress:
    """The certificate and its domain name, and the names of the conditions on the way in."""

    certificate_arn: Parameter
    domain_name: Parameter
    uses_private_ingress: str
    has_certificate: str

    def listener_port(self) -> If:
        """Return the port on which the load balancer forwards to the containers."""
        return If(self.has_certificate, HTTPS_PORT, HTTP_PORT)


def add_ingress(template: Template) -> Ingress:
    """Add the choice between public and private ingress, and the certificate."""
    group = "Ingress"
    choice = add_choice(
        template,
        "Ingress",
        ["public", "private"],
        default="public",
        description="Public is an internet-facing load balancer, which can be called past the API. "
        "Private leaves the API as the only way in. A change replaces the load balancer, without "
        "deletion protection only, and interrupts.",
        group=group,
        label="Ingress",
    )
    certificate_arn = add_optional(
        template,
        "CertificateArn",
        r"arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/[0-9a-f-]+",
        constraint="The ARN of an ACM certificate.",
        description="Optional: HTTPS with this certificate; HTTP then redirects.",
        group=group,
        label="Certificate",
    )
    domain_name = add_optional(
        template,
        "DomainName",
        r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}",
        constraint="A lowercase domain name, such as iot.example.com.",
        description="Name on the certificate, by which the API calls the load balancer. "
        "With public ingress, a DNS record must point it there.",
        group=group,
        label="Domain name",
    )
    has_certificate = add_condition(template, "HasCertificate", is_given(certificate_arn))
    template.add_rule(
        "Certificate",
        {
            "RuleCondition": is_given(certificate_arn),
            "Assertions": [
                {
                    "Assert": is_given(domain_name),
                    "AssertDescription": "CertificateArn needs the DomainName it was issued for.",
                }
            ],
        },
    )
    return Ingress(
        certificate_arn=certificate_arn,
        domain_name=domain_name,
        uses_private_ingress=add_condition(
            template, "UsesPrivateIngress", Equals(choice.ref(), "private")
        ),
        has_certificate=has_certificate,
    )
