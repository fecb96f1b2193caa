"""The JSON documents of the commands, and their schemas."""

import json

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from checkout import ROOT

SCHEMAS = {
    path.name.removesuffix(".schema.json"): json.loads(path.read_text())
    for path in sorted((ROOT / "src/iot_pipeline_cfn/schemas").glob("*.schema.json"))
}
REGISTRY = Registry().with_resources(
    (f"{name}.schema.json", Resource.from_contents(schema)) for name, schema in SCHEMAS.items()
)


def documents(text):
    """Return the documents of an output, each valid by the schema that its type names."""
    found = [json.loads(line) for line in text.splitlines()]
    for document in found:
        schema = SCHEMAS[document["type"]]
        Draft202012Validator(schema, registry=REGISTRY).validate(document)
        assert document["version"] == 1
    return found
