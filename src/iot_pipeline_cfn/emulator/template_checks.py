"""Template errors that AWS reports before it creates anything, and that ministack accepts."""

import json
from collections.abc import Callable, Container, Iterable, Mapping

from ministack.services.cloudformation import changesets, handlers, language_extensions

from iot_pipeline_cfn.template.references import references

from .resource_types import Properties, wrap

Conditions = Mapping[str, bool]


def patch() -> None:
    """Check the templates of stacks and of change sets."""
    for module in (changesets, handlers):
        wrap(module, "validate_template_support", refuse_dangling_references)
    wrap(language_extensions, "apply", refuse_policy_unknown_to_transform)


def refuse_policy_unknown_to_transform(
    apply: Callable[..., Properties],
) -> Callable[..., Properties]:
    """Reject the policy `RetainExceptOnCreate` where AWS's transform does, unlike ministack.

    https://github.com/aws-cloudformation/cfn-language-discussion/issues/139
    """

    def patched(template: Properties, parameters: Properties) -> Properties:
        for name, resource in template.get("Resources", {}).items():
            if "RetainExceptOnCreate" in json.dumps(resource.get("DeletionPolicy")):
                msg = (
                    "Transform AWS::LanguageExtensions failed with: Unrecognized DeletionPolicy "
                    f"RetainExceptOnCreate for resource {name}. Rollback requested by user."
                )
                raise ValueError(msg)
        return apply(template, parameters)

    return patched


def refuse_dangling_references(validate: Callable[..., None]) -> Callable[..., None]:
    """Reject references to missing resources, as AWS does; ministack takes them for text."""

    def patched(
        template: Properties, conditions: Conditions, params: Properties | None = None
    ) -> None:
        validate(template, conditions, params)
        # A transform may add the resource.
        if template.get("Transform"):
            return
        _refuse_dangling(template, {})
        if params is not None:
            _refuse_dangling(template, conditions)

    return patched


def _refuse_dangling(template: Properties, conditions: Conditions) -> None:
    """Reject references to resources that the conditions exclude; unknown ones exclude nothing.

    Raises:
        ValueError: with the message of AWS.

    """
    parameters, resources, outputs, tests = (
        template.get(section) or {}
        for section in ("Parameters", "Resources", "Outputs", "Conditions")
    )
    if missing := _missing(references(tests), parameters):
        msg = (
            f"Template format error: Unresolved dependencies [{missing}]. Cannot reference "
            "resources in the Conditions block of the template"
        )
        raise ValueError(msg)
    included = _included(resources, conditions)
    shown = _chosen(_included(outputs, conditions), conditions)
    defined = {*parameters, *included}
    for block, missing in (
        # A resource may depend on one that a condition excludes.
        ("Resources", _missing(_depended_on(included), resources)),
        ("Resources", _missing(references(_chosen(included, conditions)), defined)),
        (
            "Outputs",
            _missing(references(shown), defined),
        ),
    ):
        if missing:
            msg = (
                f"Template format error: Unresolved resource dependencies [{missing}] in the "
                f"{block} block of the template"
            )
            raise ValueError(msg)


def _missing(names: Iterable[str], defined: Container[str]) -> str:
    return ", ".join(
        sorted({name for name in names if name not in defined and not name.startswith("AWS::")})
    )


def _depended_on(resources: Properties) -> list[str]:
    explicit = [resource.get("DependsOn", []) for resource in resources.values()]
    return [name for names in explicit for name in (names if isinstance(names, list) else [names])]


def _included(parts: Properties, conditions: Conditions) -> Properties:
    """Return the parts that no condition excludes."""
    return {
        name: part
        for name, part in parts.items()
        if conditions.get(part.get("Condition", ""), True)
    }


def _chosen(value: object, conditions: Conditions) -> object:
    """Return a value with the branches of `Fn::If` that the conditions choose."""
    match value:
        case {"Fn::If": [str(name), yes, no]} if name in conditions:
            return _chosen(yes if conditions[name] else no, conditions)
        case Mapping():
            return {key: _chosen(item, conditions) for key, item in value.items()}
        case list():
            return [_chosen(item, conditions) for item in value]
    return value
