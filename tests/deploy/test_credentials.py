"""Every way to authenticate that the AWS CLI offers, and the ways in which they fail."""

import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from iot_pipeline_cfn.deploy.credentials import open_session
from iot_pipeline_cfn.deploy.errors import DeploymentError
from serving import serving

KEYS = "aws_access_key_id=000000000007\naws_secret_access_key=made-up\n"
GIVEN = {
    "Version": 1,
    "AccessKeyId": "000000000007",
    "SecretAccessKey": "made-up",
    "SessionToken": "made-up",
    "Token": "made-up",
    "Expiration": (datetime.now(UTC) + timedelta(hours=5)).isoformat(),
    "Code": "Success",
}
NO_KEYS = {
    "AWS_ACCESS_KEY_ID": "",
    "AWS_SECRET_ACCESS_KEY": "",
    "AWS_EC2_METADATA_DISABLED": "true",
}
ROLE = "role_arn=arn:aws:iam::000000000007:role/deployer\n"


@pytest.fixture
def run(project):
    """A function that lists the environments with an AWS configuration and a home of its own."""

    def run(config="", *options, **variables):
        path = project.directory / "config"
        path.write_text(config)
        given = NO_KEYS | {"AWS_CONFIG_FILE": str(path), "HOME": str(project.directory)}
        return project.run("list", *options, **given | variables)

    run.home = project.directory
    return run


@contextmanager
def serving_documents(answers):
    """Serve JSON or text by path, and yield the URL."""

    def answer(path, _headers, _body):
        found = answers.get(path)
        text = found if isinstance(found, str) else json.dumps(found)
        return 404 if found is None else 200, text.encode()

    with serving(answer) as port:
        yield f"http://127.0.0.1:{port}"


def login(home, expires):
    """Store what `aws login` does, and return the configuration that refers to it."""
    session = "arn:aws:iam::000000000007:user/me"
    token = {
        "accessToken": {
            "accessKeyId": "000000000007",
            "secretAccessKey": "made-up",
            "sessionToken": "made-up",
            "accountId": "000000000007",
            "expiresAt": expires.isoformat(),
        },
        "clientId": "any",
        "refreshToken": "any",
        "dpopKey": "any",
    }
    from hashlib import sha256

    cache = home / ".aws/login/cache"
    cache.mkdir(parents=True)
    (cache / f"{sha256(session.encode()).hexdigest()}.json").write_text(json.dumps(token))
    return f"[default]\nlogin_session={session}\n"


def test_login_session(run):
    config = login(run.home, datetime.now(UTC) + timedelta(hours=5))
    assert run(config, AWS_LOGIN_CACHE_DIRECTORY=str(run.home / ".aws/login/cache")).status == 0


def test_credential_process(run):
    (run.home / "process").write_text(json.dumps(GIVEN))
    done = run(f"[default]\ncredential_process=cat {run.home}/process\n")
    assert done.status == 0, done.err
    assert done.err.startswith("000000000007, ap-northeast-1, as ")


def test_container_role(run):
    with serving_documents({"/": GIVEN}) as url:
        assert run(AWS_CONTAINER_CREDENTIALS_FULL_URI=url).status == 0


def test_instance_role(run):
    path = "/latest/meta-data/iam/security-credentials/"
    answers = {"/latest/api/token": "token", path: "role", f"{path}role": GIVEN}
    with serving_documents(answers) as url:
        variables = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": url, "AWS_EC2_METADATA_DISABLED": "false"}
        assert run(**variables).status == 0


def test_role_of_another_profile(run):
    done = run(f"[profile it]\n{ROLE}source_profile=base\n[profile base]\n{KEYS}", "--profile=it")
    assert done.status == 0, done.err
    assert "as assumed-role/deployer/" in done.err


def test_web_identity(run):
    (run.home / "token").write_text("made-up")
    done = run(f"[default]\n{ROLE}web_identity_token_file={run.home}/token\n")
    assert done.status == 0, done.err


def test_named_profile_precedes_keys_of_the_environment(run):
    keys = {"AWS_ACCESS_KEY_ID": "000000000008", "AWS_SECRET_ACCESS_KEY": "made-up"}
    done = run(f"[profile it]\n{KEYS}", "--profile", "it", **keys)
    assert done.err.startswith("000000000007, ")
    assert run("", **keys).err.startswith("000000000008, ")


EMPTY = (
    "AWS_PROFILE AWS_REGION AWS_SESSION_TOKEN AWS_MAX_ATTEMPTS AWS_RETRY_MODE AWS_CA_BUNDLE "
    "AWS_ROLE_ARN AWS_WEB_IDENTITY_TOKEN_FILE AWS_CONTAINER_CREDENTIALS_RELATIVE_URI "
    "AWS_CONTAINER_CREDENTIALS_FULL_URI AWS_ENDPOINT_URL_CLOUDFORMATION AWS_STS_REGIONAL_ENDPOINTS"
)


def test_empty_variables_count_as_absent(run):
    done = run(f"[default]\n{KEYS}", **dict.fromkeys(EMPTY.split(), ""))
    assert done.status == 0, done.err


MFA = (
    f"[default]\n{ROLE}source_profile=base\nmfa_serial=arn:aws:iam::1:mfa/me\n"
    f"[profile base]\n{KEYS}"
)


def test_code_of_an_mfa_device_is_asked_for_once(run, project, terminal):
    """The role is cached where the AWS CLI caches it, for the commands that have no terminal."""
    assert run(MFA).code == "mfa-needed"
    (run.home / "config").write_text(MFA)
    given = {"AWS_CONFIG_FILE": str(run.home / "config"), "HOME": str(run.home)}
    shown = terminal("list", **NO_KEYS, **given)
    shown.until("Enter MFA code for arn:aws:iam::1:mfa/me: ")
    shown.type("123456")
    assert shown.end()[0] == 0
    (cached,) = (run.home / ".aws/cli/cache").iterdir()
    assert cached.stat().st_mode & 0o077 == 0
    done = run(MFA)
    assert done.status == 0, done.err


SSO = """[default]
sso_session=it
sso_account_id=000000000007
sso_role_name=any
[sso-session it]
sso_start_url=https://localhost/start
sso_region=eu-west-1
"""


@pytest.mark.parametrize(
    ("config", "variables", "code"),
    [
        ("", {}, "no-credentials"),
        ("[default]\naws_access_key_id=1\n", {}, "no-credentials"),
        ("no section", {}, "bad-configuration"),
        ("", {"AWS_PROFILE": "nowhere"}, "bad-configuration"),
        (f"[default]\n{ROLE}source_profile=nowhere\n", {}, "bad-configuration"),
        (f"[default]\n{ROLE}credential_source=Nowhere\n", {}, "bad-configuration"),
        (f"[default]\n{ROLE}web_identity_token_file=/nowhere\n", {}, "bad-configuration"),
        (MFA, {}, "mfa-needed"),
        (SSO, {}, "expired-credentials"),
        ("[default]\nlogin_session=arn:aws:iam::1:user/me\n", {}, "expired-credentials"),
        ("[default]\ncredential_process=/nowhere\n", {}, "bad-configuration"),
        ("[default]\ncredential_process=false\n", {}, "bad-configuration"),
        ("[default]\ncredential_process=echo nonsense\n", {}, "bad-configuration"),
        ("[default]\ncredential_process=echo {}\n", {}, "bad-configuration"),
        ("", {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://a.example"}, "bad-configuration"),
        ("", {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9"}, "bad-configuration"),
        (f"[default]\n{KEYS}", {"AWS_MAX_ATTEMPTS": "many"}, "bad-configuration"),
        (f"[default]\n{KEYS}", {"AWS_RETRY_MODE": "never"}, "bad-configuration"),
        (f"[default]\n{KEYS}", {"AWS_ENDPOINT_URL": "nonsense"}, "bad-configuration"),
        (f"[default]\n{KEYS}", {"AWS_DEFAULT_REGION": ""}, "no-region"),
        (f"[default]\n{KEYS}", {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "unreachable"),
    ],
)
def test_every_failure_is_one_line_without_access(run, config, variables, code):
    done = run(config, **variables)
    assert (done.status, done.code) == (7, code), done.err
    assert done.err.count("\n") == 1


def test_error_of_tls_names_the_variable_of_its_authorities(run, project):
    url = project.endpoint_url.replace("http:", "https:")
    done = run(f"[default]\n{KEYS}", AWS_CA_BUNDLE="/nowhere.pem", AWS_ENDPOINT_URL=url)
    assert (done.status, done.code) == (7, "unreachable"), done.err
    assert "AWS_CA_BUNDLE" in done.err


@pytest.mark.parametrize(
    ("options", "variables", "region"),
    [
        ((), {}, "eu-north-1"),
        ((), {"AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-2"),
        ((), {"AWS_DEFAULT_REGION": "eu-west-2", "AWS_REGION": "eu-west-1"}, "eu-west-1"),
        (("--region", "eu-west-3"), {"AWS_REGION": "eu-west-1"}, "eu-west-3"),
    ],
)
def test_region_is_that_of_the_option_then_the_environment_then_the_profile(
    run, options, variables, region
):
    variables = {"AWS_DEFAULT_REGION": ""} | variables
    done = run(f"[default]\nregion=eu-north-1\n{KEYS}", *options, **variables)
    assert done.status == 0, done.err
    assert done.err.startswith(f"000000000007, {region}, as ")


def test_token_that_is_gone_at_a_renewal_is_a_failure_of_access(project, monkeypatch):
    """The renewal happens within any call to AWS."""
    token = project.directory / "token"
    token.write_text("made-up")
    soon = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    with serving_documents({"/": GIVEN | {"Expiration": soon}}) as url:
        variables = {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": url,
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(token),
        }
        for name, value in (project.environment | NO_KEYS | variables).items():
            monkeypatch.setenv(name, value)
        client = open_session().client("sts")
        assert client.get_caller_identity()["Account"] == "000000000007"
        token.unlink()
        with pytest.raises(DeploymentError) as caught:
            client.get_caller_identity()
    assert (caught.value.code, caught.value.exit_code) == ("bad-configuration", 7)
