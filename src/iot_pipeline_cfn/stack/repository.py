"""The ECR repository of the container image."""

import json

from troposphere.ecr import (
    EncryptionConfiguration,
    ImageScanningConfiguration,
    LifecyclePolicy,
    Repository,
)

from .context import Context

IMAGES_KEPT = 500
UNTAGGED_DAYS = 7


def add_repository(context: Context) -> Repository:
    """Add the repository to which images are pushed: immutable tags, scan on push."""
    key_arn = context.encryption.key.get_att("Arn")
    repository = context.add(
        Repository(
            "Repository",
            DeletionPolicy="Delete",
            UpdateReplacePolicy="Delete",
            # ECR refuses to delete a repository that contains images, and the stack would remain.
            EmptyOnDelete=True,
            EncryptionConfiguration=context.encryption.is_customer_managed.choose(
                EncryptionConfiguration(EncryptionType="KMS", KmsKey=key_arn),
                EncryptionConfiguration(EncryptionType="AES256"),
            ),
            ImageScanningConfiguration=ImageScanningConfiguration(ScanOnPush=True),
            ImageTagMutability="IMMUTABLE",
            LifecyclePolicy=LifecyclePolicy(LifecyclePolicyText=_lifecycle_policy()),
            RepositoryName=context.environment_name(),
        )
    )
    uri = repository.get_att("RepositoryUri")
    context.add_output("RepositoryUri", "Repository to push images to.", uri)
    return repository


def _lifecycle_policy() -> str:
    untagged = {
        "countNumber": UNTAGGED_DAYS,
        "countType": "sinceImagePushed",
        "countUnit": "days",
        "tagStatus": "untagged",
    }
    surplus = {"countNumber": IMAGES_KEPT, "countType": "imageCountMoreThan", "tagStatus": "any"}
    rules = [
        {"action": {"type": "expire"}, "rulePriority": priority, "selection": selection}
        for priority, selection in enumerate((untagged, surplus), 1)
    ]
    return json.dumps({"rules": rules}, separators=(",", ":"), sort_keys=True)
