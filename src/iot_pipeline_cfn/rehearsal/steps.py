"""The steps of a rehearsal: each is run to its end or its failure, which is data."""

import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPException
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from iot_pipeline_cfn.deploy.errors import DeploymentError, FindingsError, explained
from iot_pipeline_cfn.exit_codes import ExitCode
from iot_pipeline_cfn.template.findings import Finding, Value

from .checks import CheckFailed, StepSkipped
from .scenario import Scenario

INTERRUPTS: Final = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
"""The signals that end a rehearsal, except while it cleans up."""


@dataclass(frozen=True)
class Step:
    """The result of a step: its checks, and the failure or the reason to skip the rest of it."""

    name: str
    checks: list[Finding]
    seconds: float
    failure: Finding | None = None
    skipped: Finding | None = None

    @property
    def result(self) -> str:
        """The result as a word."""
        return "failed" if self.failure else "skipped" if self.skipped else "ok"

    def as_data(self) -> dict[str, Value]:
        """Return it as data for JSON."""
        return {
            "name": self.name,
            "checks": [check.as_data() for check in self.checks],
            "seconds": self.seconds,
            "failure": self.failure.as_data() if self.failure else None,
            "skipped": self.skipped.as_data() if self.skipped else None,
        }


def run_step(name: str, act: Callable[[Scenario], Iterator[Finding]], scenario: Scenario) -> Step:
    """Run a step, and return its result."""
    begun = time.monotonic()
    checks: list[Finding] = []
    failure = skipped = None
    try:
        checks.extend(act(scenario))
    except StepSkipped as error:
        skipped = error.finding
    except CheckFailed as error:
        failure = error.finding
    except (BotoCoreError, ClientError, DeploymentError) as error:
        known = error if isinstance(error, DeploymentError) else explained(error)
        if known.exit_code is ExitCode.INTERRUPTED:
            raise KeyboardInterrupt from None
        facts = dict(known.details)
        if isinstance(known, FindingsError):
            facts["findings"] = [each.as_data() for each in known.findings]
        details = {"reason": known.code, "message": str(known), "details": facts}
        failure = CheckFailed("deployment-failed", **details).finding
    except (HTTPException, LookupError, OSError, TypeError, ValueError) as error:
        # Including answers of AWS that are not as expected here.
        details = {"error": type(error).__name__, "message": str(error)}
        failure = CheckFailed("unexpected-error", **details).finding
    return Step(name, checks, time.monotonic() - begun, failure, skipped)
