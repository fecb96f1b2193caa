"""A review as data for JSON, as `schemas/review.schema.json` defines it."""

from collections.abc import Sequence
from typing import Any

from iot_pipeline_cfn.review.statements import Statement, find_statements
from iot_pipeline_cfn.review.verdict import ResourceOutcome, Review, Scopes, Verdict, worst_of
from iot_pipeline_cfn.template.findings import Finding

from .headline import headline_text
from .wording import PLAIN, sentence


def as_data(reviews: Sequence[Review], staleness: Finding | None = None) -> dict[str, Any]:
    """Return reviews as data, with the error if the templates are stale."""
    return {
        "staleness": staleness.as_data() if staleness else None,
        "severity": worst_of([review.worst for review in reviews]),
        "templates": [
            {
                "template": review.template,
                "severity": review.worst,
                "headline": headline_text(review),
                "statements": [_statement(statement) for statement in find_statements(review)],
                "general": _verdict(review.general),
                "environments": [
                    {
                        "environment_types": [scope.environment_type for scope in group.scopes],
                        "only_new": group.scopes[0].only_new,
                        **_verdict(group.verdict),
                    }
                    for group in review.groups
                ],
                "unaffected": [*review.unaffected],
            }
            for review in reviews
        ],
    }


def _statement(statement: Statement) -> dict[str, Any]:
    return {
        "code": statement.code,
        "environments": _scopes(statement.scopes),
        "is_everywhere": statement.is_everywhere,
        "subjects": [*statement.subjects],
        "causes": [*statement.causes],
        "has_followers": statement.followers > 0,
        "counts": _counts(statement.counts),
    }


def _scopes(scopes: Scopes) -> list[dict[str, Any]]:
    return [scope._asdict() for scope in scopes]


def _counts(counts: Sequence[tuple[ResourceOutcome, int]]) -> dict[str, int]:
    return {outcome.replace("-", "_"): number for outcome, number in counts}


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "severity": verdict.worst,
        "counts": _counts(verdict.counts()),
        "findings": [
            {"topic": topic, "message": sentence(finding, PLAIN), **finding.as_data()}
            for topic, finding in verdict.findings
        ],
        "changes": [
            {"outcome": effect.outcome, **effect.change.as_data()} for effect in verdict.effects
        ],
    }
