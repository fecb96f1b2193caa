"""The progress of an operation on a terminal."""

from deploying import BUCKET, stack_of


def test_deployment_asks_and_shows_its_progress(terminal, aws):
    shown = terminal("deploy", "pr1", *BUCKET)
    shown.until("Deploy pr1? [y/N]")
    assert "1 new resources" in shown.shown
    assert stack_of(aws)["StackStatus"] == "REVIEW_IN_PROGRESS"
    shown.type("y")
    status, text = shown.end()
    assert status == 0, text
    assert "creating pr1" in text
    assert "1/1" in text
    assert "pr1 is up: created in" in text
    assert stack_of(aws)["StackStatus"] == "CREATE_COMPLETE"
