"""Arguments of make."""

import pytest

from checkout import make


@pytest.mark.parametrize("argument", ["ENVIRONMENT=pr1", "profile=prod", "AWS_PROFILE=prod"])
def test_unknown_argument_is_refused(argument):
    done = make("help", argument)
    assert done.returncode == 2
    assert f"no such argument: {argument.partition('=')[0]};" in done.stderr


def test_known_arguments_are_accepted():
    assert make("help", "ENV=pr1", "PROFILE=prod", "PYTHON=python3", "--jobs=2").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "variables", "suffix"),
    [
        (["ENV=pr1"], {}, "pr1"),
        (["ENV=pr$(id)"], {"ENVIRONMENT_SUFFIX": "pr2"}, "pr$(id)"),
        ([], {"ENVIRONMENT_SUFFIX": "pr2"}, "pr2"),
        ([], {"ENV": "prod"}, ""),
        (["ENV="], {"ENV": "prod"}, ""),
    ],
)
def test_only_a_typed_env_selects_an_environment(monkeypatch, arguments, variables, suffix):
    monkeypatch.delenv("ENVIRONMENT_SUFFIX", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    shown = "shown: ; @printenv ENVIRONMENT_SUFFIX || true"
    assert make("--eval", shown, "shown", *arguments).stdout.strip() == suffix


@pytest.mark.parametrize(("target", "is_needed"), [("aws", False), ("local", True)])
def test_only_a_rehearsal_on_the_emulator_installs_servers(target, is_needed):
    done = make("--dry-run", "--what-if=requirements.txt", "rehearse", f"TARGET={target}")
    assert ("install.py rehearsal" in done.stdout) is is_needed
