"""From the name of an environment, as people and CI systems write it, to its suffix and its file.

`PR-123` becomes `pr-123`, and `feature/sensor-batch` becomes `feature-sensor-batch`. Two names can
come to the same suffix: the stack remembers in a tag which one it was made for.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from iot_pipeline_cfn.template.parameter_wording import parameter_sentence
from iot_pipeline_cfn.template.parameters import SUFFIX_PARAMETER, check_value

from .errors import DeploymentError

STACK_PREFIX = "iot-pipeline-"

SAME_FILE: Final[Mapping[str, str]] = MappingProxyType({"feature": "pr"})
"""Environment types that use another type's parameter file: a branch is deployed as its pull
request will be."""


@dataclass(frozen=True)
class Environment:
    """An environment's name as it was given, and its suffix."""

    name: str
    suffix: str

    @property
    def stack_name(self) -> str:
        """The name of its stack."""
        return f"{STACK_PREFIX}{self.suffix}"


def environment_named(name: str, template: Mapping[str, Any]) -> Environment:
    """Return the environment of a name, which the template's own rule for suffixes has to allow.

    Raises:
        DeploymentError: when the name cannot be mapped without guessing.

    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/ -]*", name, re.ASCII):
        message = (
            f"{name!r} cannot name an environment: it begins with a letter, and letters, digits, "
            "blanks and . _ / - follow"
        )
        raise DeploymentError(message)
    suffix = re.sub(r"[._/ -]+", "-", name.lower()).strip("-")
    declaration = template["Parameters"][SUFFIX_PARAMETER]
    if finding := check_value(SUFFIX_PARAMETER, declaration, suffix):
        message = f"{name!r} cannot name an environment: {parameter_sentence(finding)}"
        raise DeploymentError(message)
    return Environment(name, suffix)


def parameter_file(environment: Environment, directory: Path) -> Path:
    """Return an environment's parameter file: its own, else the one of its kind.

    The kind of an environment is the letters that its suffix begins with: `pr` of `pr-123`.

    Raises:
        DeploymentError: when there is neither, since a slip of the pen must not create anything.

    """
    letters = re.match("[a-z]+", environment.suffix)
    kind = letters[0] if letters else ""
    for stem in (environment.suffix, kind, SAME_FILE.get(kind)):
        path = directory / f"{stem}.json"
        if path.is_file():
            return path
    stems = {path.stem for path in directory.glob("*.json")}
    names = ", ".join(sorted(stems | {same for same, file in SAME_FILE.items() if file in stems}))
    message = (
        f"there is no kind of environment for {environment.suffix!r}: {directory}/ has "
        f"{names or 'no files'}; a name is one of these, alone or followed by digits or - and more"
    )
    raise DeploymentError(message)
