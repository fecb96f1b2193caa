"""The sentences for what does not work after a deployment."""

from types import MappingProxyType
from typing import Final

from iot_pipeline_cfn.template.findings import Finding

PROBLEMS: Final = MappingProxyType(
    {
        "missing": "{subject} does not exist",
        "not-available": "{subject} is {state}",
        "other-task-definition": "{subject} runs {running}, not {expected}",
        "rollout-failed": "{subject}: its rollout has failed ({reason})",
        "rollout-in-progress": "{subject}: {running} of {desired} tasks of the rollout run",
        "targets-unhealthy": "{subject}: {healthy} of {desired} targets are healthy{because}",
    }
)


def problem_text(problem: Finding) -> str:
    """Describe what does not work, or not yet."""
    reasons = problem.details.get("reasons")
    because = f" ({', '.join(reasons)})" if reasons else ""
    return PROBLEMS[problem.code].format(
        subject=problem.subject, because=because, **problem.details
    )
