"""Paths, programs, parameter files and environments of this checkout."""

import os
import subprocess
import sys
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

from iot_pipeline_cfn.template.parameters import DEFAULT_TEMPLATE, load
from resolution import resolve

ROOT = Path(__file__).parents[2]
PIPELINE = Path(sys.executable).with_name("iot-pipeline")
CFN_LINT = Path(sys.executable).with_name("cfn-lint")
PARAMETER_FILES = [
    path
    for path in sorted((ROOT / "parameters").glob("*.json"))
    if load(path).template == DEFAULT_TEMPLATE
]
"""The parameter files of environments."""
REGION = "ap-northeast-1"
ACCOUNTS = count(111_111_111_111)
CERTIFICATE = {
    "CertificateArn": "arn:aws:acm:ap-northeast-1:123456789012:certificate/0a1b2c3d",
    "DomainName": "iot.example.com",
}
READING = {
    "deviceId": "press-7",
    "measurements": {"temperature": 71.5},
    "timestamp": "2026-01-31T12:00:30Z",
}
ENVIRONMENTS = {file.stem: dict(load(file).parameters) for file in PARAMETER_FILES} | {
    "defaults": {},
    "small": {
        "Availability": "single-zone",
        "CapacityProvider": "FARGATE_SPOT",
        "Durability": "ephemeral",
        "MaximumCount": "2",
        "NatGateways": "none",
    },
    "least": {
        "ApiAuthorization": "NONE",
        "Availability": "single-zone",
        "Durability": "ephemeral",
        "NatGateways": "none",
    },
    "public-https": {"ApiAuthorization": "NONE", "ImageTag": "v1"} | CERTIFICATE,
    "most": {
        "AlarmEmail": "somebody@example.com",
        "ApiAccessLogs": "enabled",
        "AvailabilityZone1": "ap-northeast-1a",
        "AvailabilityZone2": "ap-northeast-1c",
        "EncryptionKey": "customer-managed",
        "FlowLogs": "enabled",
        "ImageTag": "v1",
        "Ingress": "private",
        "Monitoring": "detailed",
        "NatElasticIpAllocationId": "eipalloc-0123456789abcdef0",
        "NatGateways": "per-zone",
        "WebAcl": "enabled",
    }
    | CERTIFICATE,
}
"""The parameters of every environment type, and of some extreme environments."""


def run(*command, cwd=ROOT, env=None):
    """Run a program and return its output and exit code."""
    return subprocess.run(command, capture_output=True, check=False, cwd=cwd, env=env, text=True)


def make(*arguments, cwd=ROOT):
    """Run make without the variables of a make that runs the tests."""
    env = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    return run("make", *arguments, cwd=cwd, env=env)


def resolve_all(template: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the resolved template of each environment by name."""
    return {name: resolve(template, given) for name, given in ENVIRONMENTS.items()}
