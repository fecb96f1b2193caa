"""Drift detection of resources by the physical IDs that AWS gives them."""

from collections.abc import Callable

from ministack.services.cloudformation import drift

from .patched_types import name_of_secret
from .resource_types import Properties

SECRET = "AWS::SecretsManager::Secret"  # noqa: S105 A resource type.

Reader = Callable[[str, Properties], Properties | None]


def patch() -> None:
    """Find a secret by its ARN; ministack looks for its name, and so calls each secret deleted.

    `Ref` of a secret is its ARN:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-secretsmanager-secret.html
    """
    read, supported = drift._DRIFT_READERS[SECRET]
    drift._DRIFT_READERS[SECRET] = (by_name(read), supported)


def by_name(read: Reader) -> Reader:
    """Read a secret by its name instead of its ARN."""

    def patched(arn: str, properties: Properties) -> Properties | None:
        return read(name_of_secret(arn) or arn, properties)

    return patched
