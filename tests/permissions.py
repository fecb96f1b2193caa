"""Who may do what, read from the policies of an environment."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from resolution import of_type

Grant = tuple[str, str]


def grants(role: Mapping[str, Any]) -> set[Grant]:
    """Return (action, resource) of everything that a role's own policies allow."""
    return {
        grant
        for policy in role.get("Policies", [])
        for statement in policy["PolicyDocument"]["Statement"]
        for grant in statement_grants(statement)
    }


def statement_grants(statement: Mapping[str, Any]) -> Iterator[Grant]:
    """Yield (action, resource) of everything that a statement allows."""
    assert statement["Effect"] == "Allow"
    for action in statement["Action"]:
        for resource in statement["Resource"]:
            yield action, name_of(resource)


def name_of(value: Any) -> str:
    """Return a value as text, where a reference to a resource is short: `Database.Arn`."""
    match value:
        case str():
            return value
        case {"Ref": str(name)}:
            return name
        case {"Fn::GetAtt": [name, attribute]}:
            return f"{name}.{attribute}"
        case {"Fn::Sub": str(text)}:
            return text
    return json.dumps(value, sort_keys=True)


def policy_documents(environment: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every policy document of an environment, with the logical id that it belongs to."""
    for name, role in of_type(environment, "IAM::Role").items():
        yield name, role["AssumeRolePolicyDocument"]
        for policy in role.get("Policies", []):
            yield name, policy["PolicyDocument"]
    for name, key in of_type(environment, "KMS::Key").items():
        yield name, key["KeyPolicy"]
    for name, endpoint in of_type(environment, "EC2::VPCEndpoint").items():
        if "PolicyDocument" in endpoint:
            yield name, endpoint["PolicyDocument"]
