"""Requests that the emulator refuses because only AWS knows the answer."""

import pytest
from botocore.exceptions import ClientError

from iot_pipeline_cfn.emulator.control import NOT_AVAILABLE

CERTIFICATE = "arn:aws:acm:ap-northeast-1:123456789012:certificate/none"
REQUESTS = {
    "acm": ("describe_certificate", {"CertificateArn": CERTIFICATE}),
    "ecr": ("describe_image_scan_findings", {"repositoryName": "any", "imageId": {}}),
    "elasticache": ("describe_cache_engine_versions", {"Engine": "redis"}),
    "iam": ("list_roles", {"PathPrefix": "/aws-service-role/"}),
    "rds": ("describe_orderable_db_instance_options", {"Engine": "postgres"}),
}


@pytest.mark.parametrize("service", REQUESTS)
def test_request_that_only_aws_can_answer_is_refused(aws, service):
    operation, arguments = REQUESTS[service]
    with pytest.raises(ClientError, match="not available in the emulator") as error:
        getattr(aws(service), operation)(**arguments)
    assert error.value.response["Error"]["Code"] == NOT_AVAILABLE


def test_roles_of_an_account_are_listed(aws):
    assert aws("iam").list_roles()["Roles"] == []


def test_no_quota_is_applied(aws):
    """AWS answers so where an account has its default."""
    client = aws("service-quotas")
    with pytest.raises(client.exceptions.NoSuchResourceException):
        client.get_service_quota(ServiceCode="vpc", QuotaCode="L-F678F1CE")


def test_every_zone_can_have_a_nat_gateway(aws):
    """Most accounts of AWS do not have the one zone of Tokyo that cannot."""
    zones = aws("ec2").describe_availability_zones()["AvailabilityZones"]
    assert [zone["ZoneId"] for zone in zones] == ["apne1-az1", "apne1-az2", "apne1-az4"]
