"""The resource schemas of AWS."""

import sys

import pytest

from iot_pipeline_cfn.template import schemas
from iot_pipeline_cfn.template.schemas import MissingSchemasError


def test_missing_schemas_come_with_the_extra_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cfnlint.schema", None)
    schemas.schema_of.cache_clear()
    with pytest.raises(MissingSchemasError, match=r"iot-pipeline-cfn\[review\]"):
        schemas.schema_of("AWS::EC2::VPC")
