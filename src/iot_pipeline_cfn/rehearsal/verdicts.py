"""What a rehearsal says about each assumption of the register."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from iot_pipeline_cfn.template.findings import Value

from .assumptions import Assumption, AssumptionRegister
from .steps import Step


class AssumptionVerdict(StrEnum):
    """Whether AWS has confirmed an assumption."""

    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    NOT_REACHED = "not-reached"
    NOT_ON_EMULATOR = "not-on-emulator"


@dataclass(frozen=True)
class JudgedAssumption:
    """An assumption with its verdict, and the reasons that AWS gives for a failure."""

    id: str
    statement: str
    verdict: AssumptionVerdict
    reasons: Sequence[str] = ()

    def as_data(self) -> dict[str, Value]:
        """Return it as data for JSON."""
        return {
            "id": self.id,
            "statement": self.statement,
            "verdict": self.verdict,
            "reasons": list(self.reasons),
        }


def judge_assumptions(
    register: AssumptionRegister, steps: Sequence[Step], *, on_aws: bool
) -> Iterator[JudgedAssumption]:
    """Yield each assumption of a register with its verdict; the emulator confirms nothing."""
    by_name = {step.name: step for step in steps}
    for topic in register.topics:
        for assumption in topic.assumptions:
            verdict, reasons = _judge(assumption, by_name.get(assumption.step))
            if not on_aws:
                verdict, reasons = AssumptionVerdict.NOT_ON_EMULATOR, []
            yield JudgedAssumption(assumption.id, assumption.statement, verdict, reasons)


def _judge(assumption: Assumption, step: Step | None) -> tuple[AssumptionVerdict, list[str]]:
    """Judge an assumption by its step: a passed check confirms, a failed resource refutes."""
    if step is None:
        return AssumptionVerdict.NOT_REACHED, []
    reasons = [
        str(event["reason"])
        for event in failed_events(step)
        if event["logical_id"] in assumption.resources
    ]
    if reasons:
        return AssumptionVerdict.REFUTED, reasons
    is_passed = any(check.code == assumption.check for check in step.checks)
    return (AssumptionVerdict.CONFIRMED if is_passed else AssumptionVerdict.NOT_REACHED), []


def failed_events(step: Step) -> list[dict[str, Value]]:
    """Return the events with which the deployment of a step failed."""
    if step.failure is None or step.failure.code != "deployment-failed":
        return []
    return list(step.failure.details["details"].get("failures", ()))
