"""What a review comes to: for each template and each kind of environment, and in one sentence."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from .behaviour import Behaviour
from .remarks import Remark, Severity
from .resources import Action, Change, Replacement

NAMED: Final = 3
"""So many resources are named in a sentence."""


def rank(severity: Severity) -> int:
    """Return the place of a severity, of which the worst is the first."""
    return [*Severity].index(severity)


@dataclass(frozen=True)
class Section:
    """Remarks under a heading, the worst first."""

    heading: str
    remarks: tuple[Remark, ...]

    @property
    def worst(self) -> Severity:
        """The severity of its worst remark."""
        return min((remark.severity for remark in self.remarks), key=rank)


@dataclass(frozen=True)
class Verdict:
    """What happens to environments, all alike; nothing if there is nothing in it."""

    changes: tuple[Change, ...] = ()
    sections: tuple[Section, ...] = ()

    @property
    def worst(self) -> Severity | None:
        """The worst that it says, or None if it says nothing."""
        found = [section.worst for section in self.sections]
        found += [Severity.CHANGE] if self.changes else []
        return min(found, key=rank, default=None)

    def remarks(self, severity: Severity) -> list[Remark]:
        """Return all remarks of a severity."""
        return [
            remark
            for section in self.sections
            for remark in section.remarks
            if remark.severity is severity
        ]

    def counts(self) -> str:
        """Return how many resources there are of which something happens, in words."""
        counter = Counter(word(change) for change in self.changes)
        return ", ".join(f"{counter[word]} {word}" for word in WORDS if counter[word])


WORDS: Final = ("removed", "replaced", "perhaps replaced", "changed", "added")


def word(change: Change) -> str:
    """Return what happens to a resource, in a word."""
    if change.action is not Action.MODIFY:
        return "removed" if change.action is Action.REMOVE else "added"
    return {
        Replacement.YES: "replaced",
        Replacement.MAY: "perhaps replaced",
        Replacement.NO: "changed",
    }[change.replacement]


@dataclass(frozen=True)
class Group:
    """Kinds of environments with the same verdict; of all of a kind, or only of new ones."""

    kinds: tuple[str, ...]
    verdict: Verdict
    only_new: bool = False

    @property
    def name(self) -> str:
        """The kinds, in words; nothing where there are no kinds."""
        return listed(self.names)

    @property
    def names(self) -> tuple[str, ...]:
        """Each kind, in words."""
        return tuple(f"new {kind}".strip() if self.only_new else kind for kind in self.kinds)


@dataclass(frozen=True)
class Review:
    """What a change does to all environments of a template.

    `general` is what is so whatever the parameters, such as that one has another default, and
    `groups` are the environments to which something happens, the worst first; `untouched` are those
    to which nothing does. `differs` says whether any file is other than it was.
    """

    template: str
    general: Verdict
    groups: tuple[Group, ...]
    untouched: tuple[str, ...]
    differs: bool

    @property
    def worst(self) -> Severity | None:
        """The worst that it says, or None if it says nothing."""
        found = [self.general.worst, *(group.verdict.worst for group in self.groups)]
        return min((one for one in found if one), key=rank, default=None)

    @property
    def headline(self) -> str:
        """The verdict, in a sentence or two."""
        if self.worst is None:
            return (
                "No effect on any environment: only formatting, descriptions or metadata differ."
                if self.differs
                else "Nothing changes."
            )
        said = [f"{sentence}." for sentence in _sentences(self.groups)]
        said = said or ["No resource changes."]
        if self.untouched and self.groups:
            said.append(f"Nothing happens to {listed(self.untouched)}.")
        return " ".join(said)


def _sentences(groups: Sequence[Group]) -> Iterator[str]:
    """Yield what matters most in each group; groups with the same to say are named together."""
    said: dict[tuple[str, str], list[str]] = {}
    for group in groups:
        for sentence in _sentences_of(group.verdict):
            said.setdefault(sentence, []).extend(group.names)
    for (verb, what), kinds in said.items():
        place = f" in {listed(kinds)}" if any(kinds) else ""
        yield f"{verb}{place}: {what}"


def _sentences_of(verdict: Verdict) -> Iterator[tuple[str, str]]:
    refused = [
        remark
        for section in verdict.sections
        if section.heading == REFUSED
        for remark in section.remarks
    ]
    worst = False
    for verb, found in (
        ("Data can be lost", verdict.remarks(Severity.DATA_LOSS)),
        ("Access widens", verdict.remarks(Severity.EXPOSURE)),
        ("CloudFormation refuses this", refused),
    ):
        if found:
            worst = True
            yield verb, _subjects(found)
    if worst:
        return
    for verb, severity in (
        ("Resources are replaced", Severity.REPLACEMENT),
        ("Interruptions are possible", Severity.INTERRUPTION),
    ):
        if found := verdict.remarks(severity):
            yield verb, _subjects(found)
            return
    if verdict.changes:
        yield "Nothing is replaced", f"{verdict.counts()}"


REFUSED: Final = "Refused"
"""The heading of what CloudFormation refuses."""


def _subjects(remarks: Sequence[Remark]) -> str:
    return _shortened([*dict.fromkeys(remark.subject for remark in remarks)])


def _shortened(names: Sequence[str]) -> str:
    if len(names) <= NAMED + 1:
        return listed(names)
    return f"{', '.join(names[:NAMED])} and {len(names) - NAMED} more"


def listed(names: Sequence[str]) -> str:
    """Return names as a person lists them."""
    *first, last = names or ("",)
    return f"{', '.join(first)} and {last}" if first else last


def as_data(reviews: Sequence[Review]) -> dict[str, Any]:
    """Return reviews as data for JSON."""
    worst = [review.worst for review in reviews if review.worst]
    return {
        "severity": min(worst, key=rank, default=None),
        "templates": [
            {
                "template": review.template,
                "severity": review.worst,
                "headline": review.headline,
                "general": _verdict_data(review.general),
                "environments": [
                    {
                        "kinds": [*group.kinds],
                        "only_new": group.only_new,
                        **_verdict_data(group.verdict),
                    }
                    for group in review.groups
                ],
                "untouched": [*review.untouched],
            }
            for review in reviews
        ],
    }


def _verdict_data(verdict: Verdict) -> dict[str, Any]:
    return {
        "severity": verdict.worst,
        "remarks": [
            {"about": section.heading, **vars(remark)}
            for section in verdict.sections
            for remark in section.remarks
        ],
        "changes": [
            {
                "action": change.action,
                "logical_id": change.logical_id,
                "resource_type": change.resource_type,
                "replacement": change.replacement,
                "interrupts": change.behaviour is Behaviour.INTERRUPTION,
                "properties": [vars(part) for part in change.properties],
            }
            for change in verdict.changes
        ],
    }
