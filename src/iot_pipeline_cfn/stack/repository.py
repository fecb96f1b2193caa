"""The ECR repository of the container image."""

import json

from troposphere import If, Template
from troposphere.ecr import (
    EncryptionConfiguration,
    ImageScanningConfiguration,
    LifecyclePolicy,
    Repository,
)

from .context import Environment
from .encryption import Encryption
from .naming import environment_name, tags
from .sections import add_output

IMAGES_KEPT = 500
UNTAGGED_DAYS = 7


def add_registry(
    template: Template, *, environment: Environment, encryption: Encryption
) -> Repository:
    """Add the repository to which the user pushes images: immutable tags, scans on push."""
    repository = template.add_resource(
        Repository(
            "Repository",
            DeletionPolicy="Delete",
            UpdateReplacePolicy="Delete",
            # A repository with images in it could not be deleted, and the stack with it.
            EmptyOnDelete=True,
            EncryptionConfiguration=If(
                encryption.uses_customer_key,
                EncryptionConfiguration(EncryptionType="KMS", KmsKey=encryption.key.get_att("Arn")),
                EncryptionConfiguration(EncryptionType="AES256"),
            ),
            ImageScanningConfiguration=ImageScanningConfiguration(ScanOnPush=True),
            ImageTagMutability="IMMUTABLE",
            LifecyclePolicy=LifecyclePolicy(LifecyclePolicyText=_lifecycle_policy()),
            RepositoryName=environment_name(environment.suffix),
            Tags=tags(environment.suffix, "repository", component="registry"),
        )
    )
    add_output(
        template,
        "RepositoryUri",
        "Repository to push images to.",
        repository.get_att("RepositoryUri"),
    )
    return repository


def _lifecycle_policy() -> str:
    def expire(priority: int, selection: dict[str, object]) -> dict[str, object]:
        return {
            "action": {"type": "expire"},
            "rulePriority": priority,
            "selection": selection,
        }

    untagged = {
        "countNumber": UNTAGGED_DAYS,
        "countType": "sinceImagePushed",
        "countUnit": "days",
        "tagStatus": "untagged",
    }
    surplus = {
        "countNumber": IMAGES_KEPT,
        "countType": "imageCountMoreThan",
        "tagStatus": "any",
    }
    rules = [expire(1, untagged), expire(2, surplus)]
    return json.dumps({"rules": rules}, separators=(",", ":"), sort_keys=True)
