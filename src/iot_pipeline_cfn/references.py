"""Which resources of a template refer to which."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping


def references(value: object) -> Iterator[str]:
    """Yield every name that a rendered value refers to, parameters and `AWS::Region` included."""
    match value:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]}:
            yield name
        case {"Fn::Sub": str(text)}:
            yield from re.findall(r"\$\{([\w:]+)[.\w]*\}", text)
        case Mapping():
            for item in value.values():
                yield from references(item)
        case list():
            for item in value:
                yield from references(item)


def waits_for(resource: Mapping[str, object]) -> set[str]:
    """Return every name that a rendered resource refers to, or depends on explicitly."""
    # CloudFormation takes one name or a list of them.
    explicit = resource.get("DependsOn", [])
    depends_on = explicit if isinstance(explicit, list) else [explicit]
    return {*references(resource), *depends_on}


def reachable(
    start: str, names: Collection[str], body: Callable[[str], Mapping[str, object]]
) -> set[str]:
    """Return every resource that must exist before one: all that it refers to or depends on.

    `names` are those of the template's resources, and `body` gives the rendered resource of a name.
    References count whether or not a condition leaves them out.
    """
    found: set[str] = set()
    to_do = [start]
    while to_do:
        named = waits_for(body(to_do.pop()))
        new = {name for name in named if name in names} - found
        found |= new
        to_do += new
    return found
