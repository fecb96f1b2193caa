"""Destroying environments and cancelling updates."""


def test_destruction_asks_for_the_suffix(terminal, project, aws):
    """Any other answer deletes nothing."""
    project.deploy("PR-1")
    for typed, status, said in (("PR", 1, "nothing was deleted"), ("pr-1", 0, "pr-1 is deleted")):
        shown = terminal("destroy", "PR-1")
        shown.until("Type pr-1 to delete it")
        assert "Outcome" in shown.shown
        shown.type(typed)
        ended, text = shown.end()
        assert (ended, said in text) == (status, True), text
    assert aws("cloudformation").describe_stacks()["Stacks"] == []
