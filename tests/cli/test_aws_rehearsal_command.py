"""Rehearsing on AWS needs credentials, and an environment with a network of its own."""

from checkout import ROOT
from deploying import pipeline
from iot_pipeline_cfn.cli.aws_rehearsal_command import expected_use, load_own_network


def test_without_credentials_one_line_says_so():
    done = pipeline("rehearse", "--target", "aws", "--region", "us-east-1")
    assert (done.status, done.out, done.err.count("\n")) == (7, "", 1)


def test_environment_has_its_own_network_and_a_price(monkeypatch):
    monkeypatch.chdir(ROOT)
    _, request = load_own_network("pr-rehearsal", None)
    assert "Network" not in request.template["Parameters"]
    hours, price = expected_use(request, "us-east-1")
    assert 1 < hours < 4
    assert 0 < price < 5
