"""How requests reach the containers: the choices that security, load balancer and API share."""

from dataclasses import dataclass

from troposphere import Equals, If, Not, Or, Parameter, Template

from .sections import add_choice, add_condition, add_parameter

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
    certificate_arn = add_parameter(
        template,
        Parameter(
            "CertificateArn",
            Type="String",
            AllowedPattern=r"^(arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/[0-9a-f-]+)?$",
            ConstraintDescription="The ARN of an ACM certificate.",
            Default="",
            Description="Optional: HTTPS with this certificate; HTTP then redirects.",
        ),
        group=group,
        label="Certificate",
    )
    domain_name = add_parameter(
        template,
        Parameter(
            "DomainName",
            Type="String",
            AllowedPattern=r"^(([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63})?$",
            ConstraintDescription="A lowercase domain name, such as iot.example.com.",
            Default="",
            Description="Name on the certificate, by which the API calls the load balancer. "
            "With public ingress, a DNS record must point it there.",
        ),
        group=group,
        label="Domain name",
    )
    certificate, name = certificate_arn.ref(), domain_name.ref()
    template.add_rule(
        "Certificate",
        {
            "Assertions": [
                {
                    "Assert": Or(
                        Equals(certificate, ""),
                        Not(Equals(name, "")),
                    ),
                    "AssertDescription": "CertificateArn needs the DomainName it was issued for.",
                }
            ]
        },
    )
    return Ingress(
        certificate_arn=certificate_arn,
        domain_name=domain_name,
        uses_private_ingress=add_condition(
            template, "UsesPrivateIngress", Equals(choice.ref(), "private")
        ),
        has_certificate=add_condition(template, "HasCertificate", Not(Equals(certificate, ""))),
    )
