"""Analyses of a review, asked about resources."""

from checkout import REGION
from iot_pipeline_cfn.review.resolved import ResolvedEnvironment


def compared(analysis, before, after, region=REGION):
    """Return the findings of an analysis about two sets of resources."""
    sides = (ResolvedEnvironment(resources, region=region) for resources in (before, after))
    return list(analysis(*sides))
