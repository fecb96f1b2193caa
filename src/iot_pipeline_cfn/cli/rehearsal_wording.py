"""English sentences for the steps and the checks of a rehearsal.

The fields of a wording are the details of the finding.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from iot_pipeline_cfn.template.findings import Finding

STEP_WORDINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "bootstrap": "set up the account",
        "create": "create the environment without an image",
        "repeat": "repeat the deployment",
        "push-image": "push an image",
        "start-tasks": "deploy the image",
        "ingest": "send readings",
        "throttle": "exceed the throttle",
        "rollback": "deploy a failing update",
        "rotate-password": "rotate the database password",
        "private-ingress": "change to private ingress",
        "ingress-back": "change back to the ingress of the parameter file",
        "destroy": "destroy the environment",
    }
)

CHECK_WORDINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "account-set-up": "bucket, roles and permissions boundaries exist",
        "batch-stored": "a batch is stored in PostgreSQL",
        "container-healthy": "the migration succeeds, and the container is ready",
        "container-stopped": "the container stops without an error",
        "created": "all resources are created",
        "deletion-refused": "the protected environment is not deleted",
        "image-pushed": "the repository has the image",
        "invalid-refused": (
            "unauthorized requests get 403, invalid readings 400; no request past the API is "
            "accepted"
        ),
        "load-balancer-internal": "the load balancer is internal",
        "load-balancer-internet-facing": "the load balancer is internet-facing",
        "no-changes": "no resource changes",
        "no-leftovers": "no resource is left, apart from those with a retention policy",
        "no-tasks": "the service wants no tasks",
        "reading-cached": "a reading is stored in PostgreSQL and Redis",
        "reading-stored": "a reading is stored in PostgreSQL",
        "rolled-back": "the update is rolled back, and so is the number of tasks",
        "service-restarted": "the service replaces its tasks",
        "tasks-desired": "the service wants tasks",
        "throttled": "the API answers 429 after {accepted} readings, which are all stored",
    }
)

FAILURE_WORDINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "container-ended": "the container ended with status {status}: {log}",
        "container-not-ended": "the migration did not end within {seconds} s",
        "container-not-stopped": "the container did not stop within {seconds} s of SIGTERM",
        "container-port": (
            "the service registers port {port}, but the container maps {mapped} and the target "
            "group has {target}"
        ),
        "container-stopped-badly": "the container ended with status {status} on SIGTERM: {log}",
        "container-unhealthy": "the health check of {path} got {answer}: {log}",
        "database-secret-malformed": "the database secret is not JSON with username and password",
        "deployment-failed": "{message}",
        "error-missing": "the operation succeeded instead of ending with {expected}",
        "image-missing": "CannotPullContainerError: {image} does not exist",
        "invalid-reading-passed": "the API passed an invalid reading on, which got: {body}",
        "leftovers": "resources are left, see {operations}",
        "log-group-missing": "ResourceInitializationError: the log group {name!r} does not exist",
        "no-tasks-desired": "the service wants no tasks, though there is an image",
        "not-throttled": "the API accepted {requests} requests without throttling",
        "output-missing": "the environment has no output {name}",
        "reading-lost": "an accepted reading is not in {store}",
        "reading-refused": "a reading got {status}: {body}",
        "refused-reading-stored": "a refused reading is in PostgreSQL",
        "repetition-changes": "the repeated deployment changes {changed}",
        "secret-unreadable": "ResourceInitializationError: {name} cannot be read from {source}",
        "server-failed": "{server} does not start: {reason}",
        "server-missing": (
            "{server} is missing: pip install '.[rehearsal]' in the checkout, or install it with "
            "the system's packages, such as apt-get install {package}"
        ),
        "service-not-restarted": "the service does not replace its tasks after the rotation",
        "store-failed": "{store}: {reason}",
        "target-groups": "the service is registered with {count} target groups instead of one",
        "tasks-not-replaced": "the new tasks do not become healthy after the rotation: {problems}",
        "throttle-inexact": "API Gateway throttles on a best-effort basis",
        "unknown-dependency": "the container depends on the state {state} of {container}",
        "unexpected-error": "{error}: {message}",
        "wrong-number-of-tasks": "the service wants {desired} tasks instead of {expected}",
        "wrong-scheme": "the load balancer is {scheme} instead of {expected}",
        "wrong-status": "an {request} request got {status} instead of {expected}",
    }
)


def check_sentence(finding: Finding) -> str:
    """Return the sentence for a check, passed or failed."""
    wordings = {**CHECK_WORDINGS, **FAILURE_WORDINGS}
    return wordings[finding.code].format_map(finding.details)
