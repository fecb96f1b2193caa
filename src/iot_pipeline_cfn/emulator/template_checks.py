"""What AWS refuses of a template before it creates anything, where ministack accepts it."""

from collections.abc import Callable, Container, Iterable, Mapping

from ministack.services.cloudformation import changesets, engine, handlers

from .resource_types import Properties

Conditions = Mapping[str, bool]


def correct() -> None:
    """Check the templates of stacks and of change sets."""
    for module in (changesets, handlers):
        module.validate_template_support = _resolvable(module.validate_template_support)


def _resolvable(validate: Callable[..., None]) -> Callable[..., None]:
    """Refuse references to what is not there, which ministack takes for text."""

    def corrected(
        template: Properties, conditions: Conditions, params: Properties | None = None
    ) -> None:
        validate(template, conditions, params)
        # What a transform brings is not known before.
        if template.get("Transform"):
            return
        _refuse_dangling(template, {})
        if params is not None:
            _refuse_dangling(template, conditions)

    return corrected


def _refuse_dangling(template: Properties, conditions: Conditions) -> None:
    """Refuse what dangles where conditions are as given; one that is not given decides nothing.

    Raises:
        ValueError: in the words of AWS.

    """
    parameters, resources, outputs, tests = (
        template.get(section) or {}
        for section in ("Parameters", "Resources", "Outputs", "Conditions")
    )
    if missing := _missing(_names(tests), parameters):
        msg = (
            f"Template format error: Unresolved dependencies [{missing}]. Cannot reference "
            "resources in the Conditions block of the template"
        )
        raise ValueError(msg)
    included = _included(resources, conditions)
    there = {*parameters, *included}
    for block, missing in (
        # A resource waits for nothing where a condition leaves out what it depends on.
        ("Resources", _missing(_depended_on(included), resources)),
        ("Resources", _missing(_names(_taken(included, conditions)), there)),
        ("Outputs", _missing(_names(_taken(_included(outputs, conditions), conditions)), there)),
    ):
        if missing:
            msg = (
                f"Template format error: Unresolved resource dependencies [{missing}] in the "
                f"{block} block of the template"
            )
            raise ValueError(msg)


def _missing(names: Iterable[str], there: Container[str]) -> str:
    return ", ".join(
        sorted({name for name in names if name not in there and not name.startswith("AWS::")})
    )


def _names(value: object) -> list[str]:
    """Return what `Ref`, `Fn::GetAtt` and `Fn::Sub` refer to."""
    return [name for name, _ in engine._intrinsic_references(value)]


def _depended_on(resources: Properties) -> list[str]:
    explicit = [resource.get("DependsOn", []) for resource in resources.values()]
    return [name for names in explicit for name in (names if isinstance(names, list) else [names])]


def _included(parts: Properties, conditions: Conditions) -> Properties:
    """Return what conditions do not exclude."""
    return {
        name: part
        for name, part in parts.items()
        if conditions.get(part.get("Condition", ""), True)
    }


def _taken(value: object, conditions: Conditions) -> object:
    """Return a value with the branches of `Fn::If` that conditions take."""
    match value:
        case {"Fn::If": [str(name), yes, no]} if name in conditions:
            return _taken(yes if conditions[name] else no, conditions)
        case Mapping():
            return {key: _taken(item, conditions) for key, item in value.items()}
        case list():
            return [_taken(item, conditions) for item in value]
    return value
