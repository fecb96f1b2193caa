"""Resources that hold data, and values that must not be shown."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from iot_pipeline_cfn.template.stateful import (
    STATEFUL,
    DataOutcome,
    data_outcome,
    holds_data,
    masked,
)


def test_every_stateful_type_of_cfn_lint_is_known():
    """cfn-lint adds types in new versions; they belong into our list too."""
    (package,) = find_spec("cfnlint").submodule_search_locations
    source = Path(package, "data/AdditionalSpecs/StatefulResources.json")
    assert json.loads(source.read_text())["ResourceTypes"].keys() <= STATEFUL


@pytest.mark.parametrize(
    ("resource_type", "policy", "expected"),
    [
        ("AWS::RDS::DBInstance", "Delete", True),
        ("AWS::EC2::VPC", "Delete", False),
        ("AWS::EC2::VPC", "Retain", False),
        ("AWS::New::Database", "Snapshot", True),
        ("AWS::New::Database", {"Ref": "Policy"}, False),
    ],
)
def test_unknown_type_with_a_snapshot_holds_data(resource_type, policy, expected):
    assert holds_data({"Type": resource_type}, policy) is expected


@pytest.mark.parametrize(
    ("policy", "outcome"),
    [
        ("Retain", DataOutcome.RETAINED),
        ("RetainExceptOnCreate", DataOutcome.RETAINED),
        ("Snapshot", DataOutcome.SNAPSHOT),
        ("Delete", DataOutcome.LOST),
        ("", DataOutcome.LOST),
        ({"Fn::If": ["IsProtected", "Snapshot", "Delete"]}, DataOutcome.LOST),
    ],
)
def test_unknown_policy_counts_as_loss(policy, outcome):
    assert data_outcome(policy) is outcome


@pytest.mark.parametrize(
    ("value", "name", "expected"),
    [
        ("x", "MasterUserPassword", "****"),
        ("{{resolve:secretsmanager:x}}", "MasterUserPassword", "{{resolve:secretsmanager:x}}"),
        ({"Ref": "Password"}, "MasterUserPassword", {"Ref": "Password"}),
        (
            [{"Name": "DB_PASSWORD", "Value": "x"}],
            "Environment",
            [{"Name": "DB_PASSWORD", "Value": "****"}],
        ),
        ({"Fn::Sub": "x"}, "SecretString", {"Fn::Sub": "****"}),
        ({"Port": "x"}, "AuthToken", {"Port": "x"}),
        (1, "AuthToken", 1),
        ("hunter2", "ContainerDefinitions[web].Environment[API_KEY].Value", "****"),
        ("HEADER", "ApiKeySourceType", "HEADER"),
        ("postgres://user:hunter2@host:5432/db", "Url", "postgres://user:****@host:5432/db"),
        ("postgres://user:${Password}@host", "Url", "postgres://user:${Password}@host"),
        ("https://host:8080/a@b", "Url", "https://host:8080/a@b"),
        (["serve", "--password=hunter2"], "Command", ["serve", "--password=****"]),
        ("serve --db-password hunter2 -v", "Command", "serve --db-password **** -v"),
        (["--password", "hunter2", "-v"], "Command", ["--password", "****", "-v"]),
        (["--client-secret", {"Ref": "Secret"}], "Command", ["--client-secret", {"Ref": "Secret"}]),
        (["--tokens", "3"], "Command", ["--tokens", "3"]),
        ("optional", "HttpTokens", "optional"),
        ("true", "ManageMasterUserPassword", "true"),
        ({"Fn::Sub": "--token=${Token}"}, "Command", {"Fn::Sub": "--token=${Token}"}),
    ],
)
def test_values_of_secret_properties_are_masked(value, name, expected):
    assert masked(value, name) == expected
