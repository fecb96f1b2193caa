"""Sending a reading to an environment."""

import json

from deploying import small_template
from serving import serving


def test_one_signed_reading_is_sent_to_the_url_of_the_outputs(project):
    arrived, statuses = [], iter([202, 503, 403])

    def answer(path, headers, body):
        arrived.append((path, headers["Authorization"], json.loads(body)))
        return next(statuses), b"taken"

    with serving(answer) as port:
        url = {"ApiInvokeUrl": {"Value": f"http://127.0.0.1:{port}/prod/ingest"}}
        project.write(small_template(outputs=url))
        project.deploy("pr1")
        accepted, *refused = (project.run("send", "pr1", "--device", "press-7") for _ in range(3))
    assert (accepted.status, accepted.out) == (0, "HTTP 202 taken\n")
    for done, status in zip(refused, (503, 403), strict=True):
        assert (done.status, done.code) == (1, "reading-not-accepted")
        assert done.details == {"status": status}
    for path, signature, reading in arrived:
        assert (path, reading["deviceId"]) == ("/prod/ingest", "press-7")
        assert signature.startswith("AWS4-HMAC-SHA256 ")
    done = project.run("send", "pr1")
    assert (done.status, done.code) == (7, "no-answer")
    project.write(small_template())
    project.deploy("pr1")
    assert project.run("send", "pr1").code == "no-api"
