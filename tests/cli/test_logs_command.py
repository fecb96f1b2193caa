"""Printing what an environment has logged."""

from datetime import UTC, datetime

from deploying import log_group, small_template


def test_events_are_printed_without_control_characters(project, aws):
    group = {"Value": {"Ref": "Group"}}
    project.write(
        small_template({"Group": log_group("/ecs/any")}, {"ContainerLogGroupName": group})
    )
    project.deploy("pr1")
    nothing = project.run("logs", "pr1")
    assert (nothing.status, nothing.out) == (0, "")
    stream = {"logGroupName": "/ecs/any", "logStreamName": "iot/iot-processor/0123456789ab"}
    aws("logs").create_log_stream(**stream)
    moment = datetime.now(UTC)
    event = {"timestamp": int(moment.timestamp() * 1000), "message": "Zürich \x1b[2J\n"}
    aws("logs").put_log_events(**stream, logEvents=[event])
    line = (
        f"{moment:%Y-%m-%dT%H:%M:%SZ} iot-processor/01234567 Zürich \N{REPLACEMENT CHARACTER}[2J\n"
    )
    assert project.run("logs", "pr1").out == line
    followed = project.run("logs", "pr1", "--follow", "--timeout", "0.1")
    assert (followed.status, followed.out) == (6, line)
    assert project.run("logs", "pr1", "--since", "soon").status == 2
    missing = project.run("logs", "pr1", "--log", "rotation")
    assert (missing.status, missing.code) == (1, "no-log")
