"""The ingress: how requests reach the containers, which security, load balancer and API share."""

from dataclasses import dataclass, replace

from troposphere import And, Not, Parameter, Sub
from troposphere.secretsmanager import GenerateSecretString, Secret

from .conditions import ALWAYS, NEVER, Condition, is_given
from .context import Context

HTTP_PORT = 80
HTTPS_PORT = 443
STAGE_NAME = "prod"
INGRESS_HEADER = "X-Ingress-Secret"
"""The header by which the load balancer recognises the requests of the API."""


@dataclass(frozen=True)
class Ingress:
    """The choice between public and private ingress, and the certificate."""

    certificate_arn: Parameter
    domain_name: Parameter
    uses_private_ingress: Condition
    has_certificate: Condition
    has_public_https: Condition


def secret_reference(secret: Secret) -> Sub:
    """Return the value of a secret, which CloudFormation reads without showing it.

    Any property of a resource may have this reference, and CloudFormation resolves it after
    the transform, when it executes the change set
    (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html).
    It reads the value again only when it updates a resource that has the reference. A rule with
    it: https://github.com/code-dot-org/code-dot-org/pull/43932.
    """
    return Sub(f"{{{{resolve:secretsmanager:${{{secret.title}}}}}}}")


def add_ingress(context: Context) -> Ingress:
    """Add the choice between public and private ingress, and the certificate."""
    uses_private_ingress = context.add_switch(
        "Ingress",
        ("public", "private"),
        condition="UsesPrivateIngress",
        description="Public is an internet-facing load balancer, which answers only the API. "
        "Private is an internal one. A change replaces the load balancer, requires that deletion "
        "protection is disabled, and interrupts the service. With public ingress and a "
        "certificate, the service answers again when the DNS record of DomainName names the new "
        "load balancer.",
        label="Ingress",
    )
    private = add_private_ingress(context)
    has_public_https = And(Not(uses_private_ingress.as_term()), private.has_certificate.as_term())
    return replace(
        private,
        uses_private_ingress=uses_private_ingress,
        has_public_https=context.add_condition("HasPublicHttps", has_public_https),
    )


def add_private_ingress(context: Context) -> Ingress:
    """Add the certificate of an ingress that is always private."""
    # No file contains these, because a certificate belongs to an account.
    certificate_arn = context.add_optional(
        "CertificateArn",
        r"arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/[0-9a-f-]+",
        constraint="The ARN of an ACM certificate.",
        description="Optional: certificate for HTTPS between API and load balancer. Without it, "
        "that hop is clear text.",
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
    # The maximum of a host name in a listener rule.
    domain_name.MaxLength = 128
    context.add_rule(
        "Certificate",
        condition=is_given(certificate_arn),
        assertion=is_given(domain_name),
        description="CertificateArn needs the DomainName it was issued for.",
    )
    return Ingress(
        certificate_arn=certificate_arn,
        domain_name=domain_name,
        uses_private_ingress=ALWAYS,
        has_certificate=context.add_condition("HasCertificate", is_given(certificate_arn)),
        has_public_https=NEVER,
    )


def add_ingress_secret(context: Context) -> Secret:
    """Add the secret by which the load balancer recognises the requests of one API."""
    return context.add(
        Secret(
            "IngressSecret",
            DeletionPolicy="Delete",
            UpdateReplacePolicy="Delete",
            Description="Header of the requests from the API to the load balancer",
            # A listener rule compares at most 128 characters, and not their case; * and ? are
            # wildcards
            # (https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_HttpHeaderConditionConfig.html).
            GenerateSecretString=GenerateSecretString(ExcludePunctuation=True, PasswordLength=64),
            KmsKeyId=context.encryption.key_arn(),
        )
    )
