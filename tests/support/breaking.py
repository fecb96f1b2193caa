"""Parts of the template that tests break."""

DEPLOY_IMAGE = ("create", "push-image", "start-tasks")
"""The steps of a rehearsal up to the first running container."""


def properties(template, name):
    return template["Resources"][name]["Properties"]


def definition(template):
    """Return the definition of the container."""
    _, container = properties(template, "TaskDefinition")["ContainerDefinitions"]
    return container
