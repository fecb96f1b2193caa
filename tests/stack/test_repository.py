"""The image repository."""

import json

from resolution import only


def test_repository_scans_images_never_overwrites_tags_and_can_be_deleted(environments):
    for environment in environments.values():
        repository = only(environment, "ECR::Repository")
        assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}
        assert repository["ImageTagMutability"] == "IMMUTABLE"
        assert repository["EmptyOnDelete"] is True


def test_lifecycle_policy_expires_untagged_and_surplus_images(environments):
    """Many images may be newer than the one that runs, so many are kept."""
    policy = only(environments["defaults"], "ECR::Repository")["LifecyclePolicy"]
    rules = json.loads(policy["LifecyclePolicyText"])["rules"]
    untagged, surplus = (rule["selection"] for rule in rules)
    assert (untagged["tagStatus"], untagged["countType"]) == ("untagged", "sinceImagePushed")
    assert (surplus["tagStatus"], surplus["countType"]) == ("any", "imageCountMoreThan")
    assert surplus["countNumber"] >= 500
