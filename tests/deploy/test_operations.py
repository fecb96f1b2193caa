"""The stack of an environment, and stacks that are not its own."""

import json

from deploying import command_named_in, stack_of, topic


def test_name_with_the_suffix_of_another_name_is_refused_by_all_but_reading_commands(project, aws):
    project.deploy("PR-1")
    for verb in (["deploy", "--yes"], ["plan"], ["destroy", "--yes"], ["cancel"]):
        done = project.run(verb[0], "pr_1", *verb[1:])
        assert (done.status, done.code) == (1, "another-name"), verb
        assert done.details["created_as"] == "PR-1"
        assert command_named_in(done.err)[:2] == [verb[0], "PR-1"]
    assert stack_of(aws, "pr-1")["StackStatus"] == "CREATE_COMPLETE"
    for verb in ("outputs", "status", "events"):
        for name in ("PR-1", "pr-1", "pr_1", "iot-pipeline-pr-1"):
            done = project.run(verb, name)
            assert done.status == 0, done.err


def test_stack_of_another_tool_is_left_alone(project, aws):
    body = json.dumps({"Resources": {"Topic": topic()}})
    aws("cloudformation").create_stack(StackName="iot-pipeline-pr1", TemplateBody=body)
    for verb in (["deploy", "--yes"], ["plan"], ["destroy", "--yes"], ["cancel"]):
        done = project.run(verb[0], "pr1", *verb[1:])
        assert (done.status, done.code) == (1, "foreign-stack"), verb
    assert stack_of(aws)["StackStatus"] == "CREATE_COMPLETE"
    assert project.run("list").out == ""
