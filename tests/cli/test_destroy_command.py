"""Destroying environments and cancelling updates."""

import re

from deploying import log_group, names_of_stacks, small_template


def test_destruction_asks_for_the_suffix(terminal, project, aws):
    """Any other answer deletes nothing."""
    project.write(small_template({"Logs": log_group("/pr-1")}))
    project.deploy("PR-1")
    for typed, status, left in (("PR", 1, ["iot-pipeline-pr-1"]), ("pr-1", 0, [])):
        shown = terminal("destroy", "PR-1")
        shown.until("Type pr-1 to delete it")
        assert "Lost  Logs LogGroup  Logs" in re.sub(r"\x1b\[[0-9;]*m", "", shown.shown)
        shown.type(typed)
        ended, text = shown.end()
        assert (ended, names_of_stacks(aws)) == (status, left), text


def test_documents_of_a_deletion_follow_their_schemas(project):
    project.deploy("pr1")
    arn = project.plan("pr1")["stack"]
    assert project.run("destroy", "pr1", "--json").code == "no-consent"
    deletion, *events, result = project.run("destroy", "pr1", "--yes", "--json").documents
    (topic,) = deletion["resources"]
    assert (deletion["stack"], topic["logical_id"], topic["has_data"]) == (arn, "Topic", False)
    assert events[-1]["status"] == "DELETE_COMPLETE"
    assert (result["environment"], result["state"]) == ("pr1", "DELETE_COMPLETE")
