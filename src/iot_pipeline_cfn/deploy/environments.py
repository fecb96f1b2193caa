"""Environment names, their suffixes and their parameter files.

`PR-123` becomes `pr-123`, and `feature/sensor-batch` becomes `feature-sensor-batch`. A suffix that
would be too long, as those of branches can be, is shortened and ends with a hash. Two names can map
to the same suffix, so a tag of the stack has the name that it was created for.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from iot_pipeline_cfn.template.parameter_wording import parameter_sentence
from iot_pipeline_cfn.template.parameters import PROJECT, SUFFIX_PARAMETER, check_value

from .errors import DeploymentError

STACK_PREFIX = f"{PROJECT}-"

SAME_FILE: Final[Mapping[str, str]] = MappingProxyType({"feature": "pr"})
"""Environment types that use the parameter file of another type: a branch is deployed like its pull
request."""


PULL_REQUEST: Final = re.compile(r"pr(\d|-)")
"""The suffixes that the roles of pull requests may touch (`stack.permissions.PULL_REQUESTS`)."""


HASH_LENGTH: Final = 8


@dataclass(frozen=True)
class Environment:
    """An environment, by its name as it was given and its suffix."""

    name: str
    suffix: str

    @property
    def is_of_pull_request(self) -> bool:
        """Whether it is deployed with the roles of pull requests."""
        return PULL_REQUEST.match(self.suffix) is not None

    @property
    def stack_name(self) -> str:
        """The name of its stack."""
        return f"{STACK_PREFIX}{self.suffix}"


def environment_named(name: str, template: Mapping[str, Any]) -> Environment:
    """Return the environment of a name, or of a stack's name.

    Its suffix must satisfy the template's rule.
    """
    name = name.removeprefix(STACK_PREFIX)
    # A tag of the stack has the name, with at most 256 characters.
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/ -]{0,255}", name, re.ASCII):
        message = (
            f"{name!r} cannot name an environment: a name begins with a letter, followed by at "
            "most 255 letters, digits, spaces and . _ / -"
        )
        raise DeploymentError(message, code="invalid-name", name=name)
    declaration = template["Parameters"][SUFFIX_PARAMETER]
    suffix = re.sub(r"[._/ -]+", "-", name.lower()).strip("-")
    # The suffix is a name of the environment too.
    while suffix.startswith(STACK_PREFIX):
        suffix = suffix.removeprefix(STACK_PREFIX)
    longest = int(declaration.get("MaxLength", len(suffix)))
    if len(suffix) > longest:
        digest = hashlib.sha256(suffix.encode()).hexdigest()[:HASH_LENGTH]
        suffix = f"{suffix[: longest - HASH_LENGTH - 1].rstrip('-')}-{digest}"
    if finding := check_value(SUFFIX_PARAMETER, declaration, suffix):
        message = f"{name!r} cannot name an environment: {parameter_sentence(finding)}"
        raise DeploymentError(message, code="invalid-name", name=name)
    return Environment(name, suffix)


def find_parameter_file(environment: Environment, directory: Path) -> Path | None:
    """Return an environment's parameter file: its own, or else that of its type.

    The environment type is the leading letters of the suffix: `pr` of `pr-123`.
    """
    letters = re.match("[a-z]+", environment.suffix)
    environment_type = letters[0] if letters else ""
    stems = (environment.suffix, environment_type, SAME_FILE.get(environment_type))
    paths = (directory / f"{stem}.json" for stem in stems)
    return next(filter(Path.is_file, paths), None)


def parameter_file(environment: Environment, directory: Path) -> Path:
    """Return an environment's parameter file, which must exist."""
    if path := find_parameter_file(environment, directory):
        return path
    stems = {path.stem for path in directory.glob("*.json")}
    names = ", ".join(sorted(stems | {same for same, file in SAME_FILE.items() if file in stems}))
    if others := sorted(path.name for path in directory.glob("*.y*ml")):
        names += f" (only JSON is read, not {', '.join(others)})"
    message = (
        f"no environment type for {environment.suffix!r}: {directory}/ has {names or 'no files'}; "
        "a name is one of these, alone or followed by digits or - and more"
    )
    raise DeploymentError(message, code="unknown-environment-type", suffix=environment.suffix)
