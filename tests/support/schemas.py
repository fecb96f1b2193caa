"""Facts about resource types from AWS's resource schemas."""

from iot_pipeline_cfn.template.schemas import schema_of


def tag_property(kind: str) -> str | None:
    """Return the property that holds a resource type's tags, or nothing where it has none."""
    schema = schema_of(kind)
    tagging = schema.get("tagging", {})
    if tagging.get("taggable", schema.get("taggable", "Tags" in schema["properties"])):
        return tagging.get("tagProperty", "/properties/Tags").rpartition("/")[2]
    return None
