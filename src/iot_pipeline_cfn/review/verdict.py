"""What a review comes to: for each template and each kind of environment, and in one sentence."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from iot_pipeline_cfn.template.findings import Finding, Severity

from .analyses import Topic
from .behaviour import Behaviour
from .resources import REVISIONS, Action, Change, Replacement

NAMED: Final = 3
"""So many resources are named in a sentence."""


def rank(severity: Severity) -> int:
    """Return the rank of a severity; the worst has 0."""
    return severity.rank


@dataclass(frozen=True)
class Section:
    """Remarks under a heading, the worst first."""

    heading: Topic
    remarks: tuple[Finding, ...]

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

    def under(self, heading: Topic) -> list[Finding]:
        """Return all remarks under a heading."""
        return [
            remark
            for section in self.sections
            if section.heading == heading
            for remark in section.remarks
        ]

    def remarks(self, severity: Severity) -> list[Finding]:
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


REVISED: Final = "revised"
WORDS: Final = ("removed", "replaced", "perhaps replaced", REVISED, "changed", "added")


def word(change: Change) -> str:
    """Return what happens to a resource, in a word."""
    if change.action is not Action.MODIFY:
        return "removed" if change.action is Action.REMOVE else "added"
    if change.resource_type in REVISIONS and change.replacement is not Replacement.NO:
        return REVISED
    return {
        Replacement.YES: "replaced",
        Replacement.MAY: "perhaps replaced",
        Replacement.NO: "changed",
    }[change.replacement]


Name = tuple[str, bool]
"""A kind of environment, and whether only new ones are meant."""


def place(names: Sequence[Name]) -> str:
    """Return kinds of environments in words; nothing where kinds have no names."""
    every, new = ([kind for kind, only_new in names if only_new is one] for one in (False, True))
    words = [listed(every)] if every else []
    if new:
        words.append(f"new ones of {listed(new)}" if any(new) else "new ones")
    return " and ".join(words)


@dataclass(frozen=True)
class Group:
    """Kinds of environments with the same verdict; of all of a kind, or only of new ones."""

    kinds: tuple[str, ...]
    verdict: Verdict
    only_new: bool = False

    @property
    def names(self) -> list[Name]:
        """Each kind, and whether it is about new environments of it only."""
        return [(kind, self.only_new) for kind in self.kinds]


@dataclass(frozen=True)
class Entry:
    """A remark, where that is so, and what follows from it, each with where."""

    remark: Finding
    place: str
    followers: tuple[tuple[Finding, str], ...] = ()
    number: str = ""
    """How many follow in an environment, in words."""


def _between(numbers: Collection[int]) -> str:
    """Return how many there are of something, which need not be as many everywhere."""
    least, most = min(numbers, default=0), max(numbers, default=0)
    words = f"{most}" if least == most else f"{least} to {most}"
    return f"{words} {'other' if most == 1 else 'others'}"


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

    def sections(self) -> dict[Topic, list[Entry]]:
        """Return every remark once, by its heading, with the environments that it is about.

        These are empty where they are all to which anything happens. The worst comes first, and
        what only follows from a remark under the same heading comes with that.
        """
        found: dict[tuple[Topic, Finding], list[Name]] = {}
        for group in self.groups:
            for section in group.verdict.sections:
                for remark in section.remarks:
                    found.setdefault((section.heading, remark), []).extend(group.names)
        for section in self.general.sections:
            found |= {(section.heading, remark): self._every for remark in section.remarks}
        sections: dict[Topic, dict[Finding, list[Name]]] = {}
        for heading, remark in sorted(found, key=_order):
            sections.setdefault(heading, {})[remark] = found[heading, remark]
        return {heading: [*self._folded(remarks)] for heading, remarks in sections.items()}

    def _folded(self, remarks: Mapping[Finding, Sequence[Name]]) -> Iterator[Entry]:
        """Yield the remarks under a heading, with each cause what follows from it."""
        causes = {remark.subject: remark for remark in remarks if not remark.causes}
        followers: dict[Finding, list[Finding]] = {}
        for remark in remarks:
            if cause := next((causes[name] for name in remark.causes if name in causes), None):
                followers.setdefault(cause, []).append(remark)
        folded = {remark for below in followers.values() for remark in below}
        for remark in remarks:
            if remark not in folded:
                below = followers.get(remark, [])
                numbers = Counter(name for one in below for name in remarks[one]).values()
                yield Entry(
                    remark,
                    self._place(remarks[remark]),
                    tuple((one, self._place(remarks[one])) for one in below),
                    _between(numbers),
                )

    def changes(self) -> list[tuple[Change, str]]:
        """Return what happens to each resource once, with the environments in which it does."""
        found: dict[Change, list[Name]] = {}
        for group in self.groups:
            for change in group.verdict.changes:
                found.setdefault(change, []).extend(group.names)
        ordered = sorted(found, key=lambda one: (one.follows, one.logical_id, one.action))
        return [(change, self._place(found[change])) for change in ordered]

    def counts(self) -> dict[str, str]:
        """Return to how many resources what happens, by the environments with as many."""
        found: dict[str, list[Name]] = {}
        for group in self.groups:
            new = "".join(
                f"new, {remark.details['after']}" for remark in group.verdict.under(Topic.NEW)
            )
            words = group.verdict.counts() or new or "no resource changes"
            found.setdefault(words, []).extend(group.names)
        counts = {place(names): words for words, names in found.items()}
        return counts | ({listed(self.untouched): "nothing"} if counts and self.untouched else {})

    @property
    def kinds(self) -> set[str]:
        """All kinds of environments."""
        return {*self.untouched, *(kind for group in self.groups for kind in group.kinds)}

    @property
    def _every(self) -> list[Name]:
        return [name for group in self.groups for name in group.names if not group.only_new]

    def _place(self, names: Sequence[Name]) -> str:
        return "" if {*names} == {*self._every} else place(names)

    @property
    def headline(self) -> str:
        """The verdict, in a sentence or two."""
        if self.worst is None:
            return (
                "No effect on any environment: only formatting, descriptions, metadata or the like "
                "differ."
                if self.differs
                else "Nothing changes."
            )
        said = [f"{sentence}." for sentence in _sentences(self)]
        return " ".join(said or ["No resource changes."])


def _sentences(review: Review) -> Iterator[str]:
    """Yield what matters most in each group; groups with the same to say are named together."""
    said: dict[tuple[str, str], list[Name]] = {}
    for group in review.groups:
        for sentence in _sentences_of(group):
            said.setdefault(sentence, []).extend(group.names)
    for (verb, what), names in said.items():
        everywhere = len(names) == len(review.kinds) > 1 and not any(new for _, new in names)
        where = place(names) and f"in {place(names)}"
        if everywhere:
            where = "anywhere" if verb == UNHARMED else "everywhere"
        yield f"{verb} {where}".strip() + f": {what}"


def _sentences_of(group: Group) -> Iterator[tuple[str, str]]:
    """Yield what matters most in a group, as a verb, and what that is about."""
    verdict = group.verdict
    refused = verdict.under(Topic.REFUSED)
    replaced = [one for one in verdict.remarks(Severity.REPLACEMENT) if one not in refused]
    worst = [
        ("Data can be lost", verdict.remarks(Severity.DATA_LOSS)),
        ("Access widens", verdict.remarks(Severity.EXPOSURE)),
    ]
    bad = [
        ("Resources are replaced", replaced),
        ("Interruptions are possible", verdict.remarks(Severity.INTERRUPTION)),
    ]
    said = [(verb, _subjects(found)) for verb, found in worst if found]
    # What is replaced besides data that is lost with it, is a matter of the lines below.
    said += [] if said else [(verb, _causes(found)) for verb, found in bad if found][:1]
    if refused:
        said.append(("CloudFormation refuses this", _subjects(refused)))
    if not said and (unsafe := verdict.under(Topic.DATA)):
        said.append(("Data is kept less safely", _subjects(unsafe)))
    gone = [
        one
        for one in verdict.under(Topic.OUTPUTS)
        if one.details.get("before") and not one.details.get("after")
    ]
    if gone:
        said.append(("Outputs go", _subjects(gone)))
    yield from said or [_harmless(group)]


def _harmless(group: Group) -> tuple[str, str]:
    verdict = group.verdict
    if new := verdict.under(Topic.NEW):
        return "New", str(new[0].details["after"])
    if verdict.changes:
        return "What is made differs" if group.only_new else UNHARMED, verdict.counts()
    return "No resource changes", str(verdict.sections[0].remarks[0].details["message"])


def _order(pair: tuple[Topic, Finding]) -> tuple[int, bool]:
    """Return where a remark comes: the worst first, what is refused before what is replaced."""
    heading, remark = pair
    return rank(remark.severity), heading != Topic.REFUSED


UNHARMED: Final = "Nothing is lost or replaced"


def _subjects(remarks: Sequence[Finding]) -> str:
    """Return what remarks are about, and why where none of that is a cause."""
    names = _shortened([*dict.fromkeys(remark.subject for remark in remarks)])
    if not all(remark.causes for remark in remarks):
        return names
    causes = _shortened(sorted({name for remark in remarks for name in remark.causes}))
    return f"{names}, because of {causes}"


def _causes(remarks: Sequence[Finding]) -> str:
    """Return what remarks are about that is a cause; and that there is more, if there is."""
    first = [remark for remark in remarks if not remark.causes]
    if not first:
        return _subjects(remarks)
    more = ", and what follows" if len(first) < len(remarks) else ""
    return _subjects(first) + more


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
            {"about": section.heading, **remark.as_data()}
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
