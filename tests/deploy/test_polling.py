"""Asking AWS again and again, through outages too."""

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from iot_pipeline_cfn.deploy import polling
from iot_pipeline_cfn.deploy.polling import answers, poll


@pytest.fixture
def pauses(monkeypatch):
    """The pauses, which take no time."""
    now = 0.0
    pauses = []

    def sleep(seconds):
        nonlocal now
        pauses.append(seconds)
        now += seconds

    monkeypatch.setattr(polling.time, "monotonic", lambda: now)
    monkeypatch.setattr(polling.time, "sleep", sleep)
    return pauses


def test_polling_slows_down(pauses):
    """After a minute there is a call every five seconds, which CloudFormation's limits allow."""
    with pytest.raises(TimeoutError):
        list(poll(600))
    assert pauses[0] == polling.SHORTEST_PAUSE
    assert max(pauses) == 5.0
    assert sum(pauses) == pytest.approx(600)
    assert len([pause for pause in pauses if pause < 5]) <= 75


THROTTLED = ClientError({"Error": {"Code": "Throttling"}}, "DescribeStackEvents")
UNREACHED = EndpointConnectionError(endpoint_url="https://any")
EXPIRED = ClientError({"Error": {"Code": "ExpiredToken"}}, "DescribeStackEvents")


def asking(*results):
    """Return a function that gives these results, or raises them, one after another."""
    results = iter(results)

    def ask():
        result = next(results)
        if isinstance(result, Exception):
            raise result
        return result

    return ask


def test_outage_is_reported_once_and_waited_out(pauses):
    """Pauses grow to a minute; the next outage is another one."""
    reported = []
    ask = asking(1, *[THROTTLED] * 10, 2, UNREACHED, 3)
    found = answers(ask, 3600, reported.append)
    assert [next(found) for _ in range(3)] == [1, 2, 3]
    assert reported == [THROTTLED, UNREACHED]
    assert max(pauses) == 60


def test_outage_is_waited_out_until_the_timeout(pauses):
    with pytest.raises(TimeoutError):
        next(answers(asking(*[UNREACHED] * 1000), 600, lambda _: None))
    assert sum(pauses) == pytest.approx(600)


def test_refused_credentials_end_the_waiting(pauses):
    with pytest.raises(ClientError):
        next(answers(asking(EXPIRED), 600, lambda _: None))
    assert pauses == []
