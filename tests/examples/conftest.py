"""The servers and the secret of the example's processor."""

import json
import secrets
from dataclasses import dataclass

import pytest

from checkout import ACCOUNTS
from iot_pipeline_cfn.rehearsal import servers
from processing import PROGRAM, Processor, migration_variables


@dataclass
class ApplicationSecret:
    """The secret of the application in the emulator, with the variables that lead to it."""

    client: object
    account: str
    arn: str = ""
    password: str = ""

    def rotate(self):
        """Store a new password, as the state machine does."""
        self.password = secrets.token_hex()
        text = json.dumps({"password": self.password, "username": "processor"})
        if self.arn:
            self.client.put_secret_value(SecretId=self.arn, SecretString=text)
        else:
            self.arn = self.client.create_secret(Name="application", SecretString=text)["ARN"]

    @property
    def variables(self):
        return {
            "AWS_ACCESS_KEY_ID": self.account,
            "AWS_ENDPOINT_URL": self.client.meta.endpoint_url,
            "AWS_SECRET_ACCESS_KEY": self.account,
            "DB_SECRET_ARN": self.arn,
        }


@pytest.fixture(scope="module")
def application(emulator, session):
    account = f"{next(ACCOUNTS):012}"
    client = session.client(
        "secretsmanager",
        aws_access_key_id=account,
        aws_secret_access_key=account,
        endpoint_url=emulator.endpoint_url,
    )
    application = ApplicationSecret(client, account)
    application.rotate()
    yield application
    client.close()


@pytest.fixture(scope="module")
def database():
    """A server with the master user of RDS, on which no migration has run yet."""
    with servers.postgresql_server("iotdb") as database:
        database.set_master_user("iot", "of the master user")
        yield database


@pytest.fixture(scope="module")
def sql(database):
    """A function that runs a statement as the superuser and returns its rows."""

    def run(statement, *values):
        with database.connect() as connection:
            found = connection.execute(statement, values)
            return found.fetchall() if found.description else []

    return run


@pytest.fixture(scope="module")
def migration(database, application, tmp_path_factory):
    """A function that returns a migration, which is not started yet."""
    directory = tmp_path_factory.mktemp("migrations")

    def create(**others):
        variables = migration_variables(database, application, **others)
        log = directory / f"{len([*directory.iterdir()])}.log"
        log.touch()
        return Processor(PROGRAM, variables, log, ["migrate"])

    yield create
    for log in directory.iterdir():
        assert application.password not in log.read_text()
        assert "of the master user" not in log.read_text()
