"""The state of an environment as Markdown, for a comment on its pull request."""

import re
from collections.abc import Iterator

from iot_pipeline_cfn.deploy.cloudformation import Stack
from iot_pipeline_cfn.deploy.environment_status import EnvironmentStatus
from iot_pipeline_cfn.review.report.tables import code, escaped, table

from .status_wording import cause_text

URL_OUTPUT = "ApiInvokeUrl"


def environment_markdown(status: EnvironmentStatus, stack: Stack, price: float | None) -> str:
    """Return a table with the state, the URL and the monthly price."""
    rows = [(name, value) for name, value in _facts(status, stack, price) if value]
    return "\n".join(table((f"Environment {code(status.summary.name)}", ""), rows))


def _facts(
    status: EnvironmentStatus, stack: Stack, price: float | None
) -> Iterator[tuple[str, str]]:
    summary = status.summary
    # A comment can be public, and GitHub drops an output of a job with an account ID that it masks
    # (https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idoutputs).
    why = cause_text(status.cause) if status.cause else status.reason
    reason = f": {escaped(re.sub(r'[0-9]{12}', '...', why))}" if why else ""
    yield "State", f"{code(summary.state)}{reason}"
    outputs = stack.output_values
    yield "URL", code(outputs[URL_OUTPUT]) if URL_OUTPUT in outputs else ""
    yield "Image", code(summary.image) if summary.image else "none, so no task runs"
    yield "Commit", code(summary.commit) if summary.commit else ""
    yield (
        "Cost",
        "not known"
        if price is None
        else f"about ${price:,.2f} a month at list prices, without what is billed by use",
    )
    yield "Kept until", f"{summary.expires:%Y-%m-%d %H:%M} UTC" if summary.expires else ""
    yield "Region", code(summary.region)
