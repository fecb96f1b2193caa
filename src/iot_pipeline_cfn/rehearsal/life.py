"""The life of one environment on an embedded AWS of its own, from its creation to its deletion.

Each step does as a person would, by the same commands, and then looks at what has come of it.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from iot_pipeline_cfn.deploy.connection import Connection, Target, emulator_session
from iot_pipeline_cfn.deploy.environments import Environment
from iot_pipeline_cfn.emulator import control
from iot_pipeline_cfn.exit_codes import ExitCode
from iot_pipeline_cfn.template.parameters import load_object

from .ingest import Answer, Ingest
from .leftovers import inventory
from .local_task import Task, TaskError, service_of, started
from .servers import ServerError, ServerMissingError, postgresql, redis
from .stores import Reading, StoreError, Stores

PROGRAM: Final = "from iot_pipeline_cfn.cli import main; main()"
IMAGE_TAG: Final = "rehearsal"
RATE: Final = 2
BURST: Final = 20
"""Requests a second, and at once: so few that too many are soon sent, by a slow machine too."""
NOT_A_READING: Final = b'{"deviceId": 1}'
BY_THE_API: Final = "Invalid request body"
"""What the API says of it, and the container, which would refuse it as well, does not."""
TOO_MANY: Final = 429
PATIENCE_SECONDS: Final = 15.0
POLL_SECONDS: Final = 0.05
INTERRUPTING: Final = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)

MANIFEST: Final = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": f"sha256:{'0' * 64}",
            "size": 2,
        },
        "layers": [],
    }
)
"""Of an image that nothing runs: what is recorded when one is pushed."""


class OffError(Exception):
    """Something is not as it should be; the message says what."""


class Outputs(dict[str, str]):
    """The outputs of an environment."""

    def __missing__(self, name: str) -> str:
        """Say which one is missing."""
        message = f"the output {name} is missing"
        raise OffError(message)


@dataclass(frozen=True)
class Step:
    """A step of the life: what was checked, and what was off, or why it was left out."""

    name: str
    checked: list[str]
    seconds: float
    off: str = ""
    skipped: str = ""

    def __str__(self) -> str:
        """Return how it has gone, in a line."""
        how = "off" if self.off else "skipped" if self.skipped else "ok"
        return f"{how:7}  {self.name}"

    @property
    def rows(self) -> list[tuple[str, str, str]]:
        """The step in a table, a row for each check; one that begins with `!` stands out."""
        said = [("", check, "") for check in self.checked]
        if self.off:
            said.append(("! off", self.off, ""))
        if self.skipped:
            said.append(("", f"skipped: {self.skipped}", ""))
        return [(self.name, said[0][1], f"{self.seconds:.1f}"), *said[1:]]


@dataclass
class Life:
    """An environment, and what it has by the step that it has come to."""

    environment: Environment
    directory: Path
    connection: Connection
    processor: Path
    held: ExitStack
    outputs: Outputs = field(default_factory=Outputs)
    before: dict[str, list[Any]] = field(default_factory=dict)
    stores: Stores | None = None
    task: Task | None = None
    missing: str = ""
    sent: int = 0

    def deploy(self, *options: str) -> str:
        """Deploy as a person does, and return what that has printed.

        Raises:
            OffError: when it fails.

        """
        said = self._run("deploy", "--yes", *options)
        self.outputs.clear()
        self.outputs.update(json.loads(self._run("outputs", "--json")))
        return said

    def be_created(self) -> Iterator[str]:
        """Deploy without an image."""
        self.before = self._inventory()
        self.deploy()
        yield "all resources are created"
        if wanted := self._desired_tasks():
            message = f"the service asks for {wanted} tasks, and there is no image yet"
            raise OffError(message)
        yield "no task is asked for"

    def stay(self) -> Iterator[str]:
        """Deploy the same again."""
        if "nothing to change" not in self.deploy():
            message = "the same deployment again changes something"
            raise OffError(message)
        yield "nothing changes"

    def receive_image(self) -> Iterator[str]:
        """Record an image, which is what a push comes to here."""
        self.connection.ecr.put_image(
            repositoryName=self.outputs["RepositoryUri"].partition("/")[2],
            imageManifest=MANIFEST,
            imageTag=IMAGE_TAG,
        )
        yield "the repository has it"

    def start(self) -> Iterator[str]:
        """Deploy with the image, and start a task."""
        self.deploy(
            f"--image-tag={IMAGE_TAG}",
            f"--parameter=ThrottleRate={RATE}",
            f"--parameter=ThrottleBurst={BURST}",
        )
        if not self._desired_tasks():
            message = "the service asks for no task, although there is an image"
            raise OffError(message)
        yield "tasks are asked for"
        self.stores = self._start_stores()
        self.task = self._start_task(self.stores)
        yield "the container starts with what the task definition gives, and is healthy"

    def take_readings(self) -> Iterator[str]:
        """Send readings, and what is none."""
        stores, _ = self._running()
        yield self._arrives()
        batch = [self._reading() for _ in range(3)]
        self._accepted(*batch)
        if not all(map(stores.has_stored, batch)):
            message = "a batch was accepted, and is not in PostgreSQL"
            raise OffError(message)
        yield "a batch does too"
        stored = stores.stored()
        body = json.dumps(self._reading()).encode()
        unauthorized = self._ingest.post(body, authorized=False)
        self._refused(unauthorized.status, 403, "a caller who brings nothing")
        answer = self._ingest.post(NOT_A_READING)
        self._refused(answer.status, 400, "what is no reading")
        if BY_THE_API not in answer.body:
            message = f"what is no reading has passed the API, and is answered with {answer.body}"
            raise OffError(message)
        if stores.stored() != stored:
            message = "what was refused is in PostgreSQL"
            raise OffError(message)
        yield "without a key or signature 403, not a reading 400, and neither arrives"

    def be_flooded(self) -> Iterator[str]:
        """Send more than is let through."""
        stores, _ = self._running()
        before, accepted = stores.stored(), 0
        for _ in range(10 * BURST):
            answer = self._ingest.send(self._reading())
            if answer.status == TOO_MANY:
                break
            self._succeeded(answer)
            accepted += 1
        else:
            message = f"{10 * BURST} requests at once are let through"
            raise OffError(message)
        if stores.stored() != before + accepted:
            message = "not all that was accepted is in PostgreSQL"
            raise OffError(message)
        yield f"429 after {accepted} readings, all of which arrive"

    def roll_back(self) -> Iterator[str]:
        """Deploy what cannot be created."""
        path = self.directory / "templates/iot-pipeline.json"
        text = path.read_text()
        template = load_object(path)
        template["Resources"]["Impossible"] = {
            "Type": "AWS::EC2::NatGateway",
            # After something has changed that has to be changed back.
            "DependsOn": "Service",
            "Properties": {"SubnetId": self.outputs["PublicSubnet1Id"], "AllocationId": "none"},
        }
        path.write_text(json.dumps(template))
        tasks = self._desired_tasks()
        more = f"--parameter=DesiredCount={tasks + 1}"
        self._run("deploy", "--yes", more, expected=ExitCode.ROLLED_BACK)
        path.write_text(text)
        if (now := self._desired_tasks()) != tasks:
            message = f"after the rollback the service asks for {now} tasks, and not for {tasks}"
            raise OffError(message)
        yield "it is rolled back, and as many tasks as before are asked for"
        yield self._arrives()

    def rotate(self) -> Iterator[str]:
        """Rotate the password of the database."""
        stores, old = self._running()
        deployment = self._deployment()
        self.connection.rds.modify_db_instance(
            DBInstanceIdentifier=self.outputs["DatabaseInstanceId"],
            RotateMasterUserPassword=True,
            ApplyImmediately=True,
        )
        stores.take_password()
        yield f"with the task that runs, {self._arrives()}"
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._deployment() == deployment:
            if time.monotonic() > deadline:
                message = "the password has changed, and the service does not get new tasks"
                raise OffError(message)
            time.sleep(POLL_SECONDS)
        self.task = self._start_task(stores)
        old.stop()
        yield f"the service gets new tasks, and {self._arrives()}"

    def become_private(self) -> Iterator[str]:
        """Change the way in, which replaces the load balancer."""
        if self._is_protected():
            # The old load balancer would refuse to go, and be left behind.
            self.deploy("--parameter=DeletionProtection=disabled")
        self.deploy("--parameter=Ingress=private")
        (load_balancer,) = self.connection.elbv2.describe_load_balancers(
            LoadBalancerArns=[self.outputs["LoadBalancerArn"]]
        )["LoadBalancers"]
        if load_balancer["Scheme"] != "internal":
            message = "the load balancer is not internal"
            raise OffError(message)
        yield "the load balancer is internal"
        _, task = self._running()
        task.register(self.connection, self.outputs)
        yield f"{self._arrives()}; the VPC link is only recorded here"

    def be_destroyed(self) -> Iterator[str]:
        """Delete the environment."""
        if self.task:
            self.task.stop()
            yield "the container stops cleanly"
        kept = self._is_protected()
        if kept:
            self._run("destroy", "--yes", expected=ExitCode.REFUSED)
            yield "while it is protected, that is refused"
            self.deploy("--parameter=DeletionProtection=disabled")
        self._run("destroy", "--yes")
        after = self._inventory()
        if left := [name for name, found in after.items() if found != self.before[name]]:
            message = f"something is left: see {', '.join(left)}"
            raise OffError(message)
        yield "nothing is left" + " of what is not kept" * kept

    def _is_protected(self) -> bool:
        (stack,) = self.connection.cloudformation.describe_stacks(
            StackName=self.environment.stack_name
        )["Stacks"]
        return bool(stack["EnableTerminationProtection"])

    def _run(self, verb: str, *options: str, expected: ExitCode = ExitCode.DONE) -> str:
        """Run `iot-pipeline` as a person does, and return what it has printed."""
        place = ("--target=local", f"--region={self.connection.region}")
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, verb, self.environment.name, *place, *options],
            capture_output=True,
            check=False,
            cwd=self.directory,
            env={name: os.environ[name] for name in control.INHERITED if name in os.environ},
            stdin=subprocess.DEVNULL,
            text=True,
        )
        if done.returncode != expected:
            found = [line for line in done.stderr.splitlines() if line.startswith("error ")]
            said = "; ".join([*found, done.stderr.rpartition("iot-pipeline: ")[2].strip()])
            message = f"{verb} has ended with {done.returncode}, not {expected}: {said}"
            raise OffError(message)
        return done.stdout if "--json" in options else done.stdout + done.stderr

    def _start_stores(self) -> Stores:
        try:
            database = self.held.enter_context(postgresql())
            cache = self.held.enter_context(redis())
        except ServerMissingError as error:
            self.missing = str(error)
            raise
        stores = Stores(self.connection, self.outputs, database, cache)
        stores.take_password()
        stores.take_auth_token()
        return stores

    def _start_task(self, stores: Stores) -> Task:
        return self.held.enter_context(
            started(self.connection, self.outputs, stores, self.processor)
        )

    def _running(self) -> tuple[Stores, Task]:
        if self.stores is None or self.task is None:
            raise ServerMissingError(self.missing)
        return self.stores, self.task

    def _reading(self) -> Reading:
        """Return a reading that was not sent before, and is newer than all that were."""
        self.sent += 1
        hours, seconds = divmod(self.sent, 3600)
        time_of_day = f"{hours:02}:{seconds // 60:02}:{seconds % 60:02}"
        return {
            "deviceId": "rehearsal",
            "timestamp": f"2026-01-31T{time_of_day}Z",
            "measurements": {"temperature": float(self.sent)},
        }

    def _arrives(self) -> str:
        """Send a reading, and look for it at the other end."""
        stores, _ = self._running()
        reading = self._reading()
        self._accepted(reading)
        if not stores.has_stored(reading):
            message = "a reading was accepted, and is not in PostgreSQL"
            raise OffError(message)
        if stores.newest(reading["deviceId"]) != reading["measurements"]:
            message = "a reading was accepted, and is not in Redis"
            raise OffError(message)
        return "a reading arrives in PostgreSQL and in Redis"

    def _accepted(self, *readings: Reading) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (answer := self._ingest.send(*readings)).status == TOO_MANY:
            if time.monotonic() > deadline:
                break
            time.sleep(1 / RATE)
        self._succeeded(answer)

    @staticmethod
    def _succeeded(answer: Answer) -> None:
        if not 200 <= answer.status < 300:
            message = f"a reading is answered with {answer.status}: {answer.body}"
            raise OffError(message)

    @staticmethod
    def _refused(status: int, expected: int, what: str) -> None:
        if status != expected:
            message = f"{what} is answered with {status}, not {expected}"
            raise OffError(message)

    @cached_property
    def _ingest(self) -> Ingest:
        """The API, which is the same for life; so is the key that callers bring."""
        return Ingest(self.connection, self.outputs)

    def _desired_tasks(self) -> int:
        return int(service_of(self.connection, self.outputs)["desiredCount"])

    def _deployment(self) -> str:
        deployments = service_of(self.connection, self.outputs)["deployments"]
        return str(next(each["id"] for each in deployments if each["status"] == "PRIMARY"))

    def _inventory(self) -> dict[str, list[Any]]:
        return inventory(self.connection.client)


STEPS: Final[tuple[tuple[str, Callable[[Life], Iterator[str]]], ...]] = (
    ("first deployment, no image", Life.be_created),
    ("the same again", Life.stay),
    ("an image is pushed (recorded)", Life.receive_image),
    ("deployment with it", Life.start),
    ("readings", Life.take_readings),
    ("too many readings", Life.be_flooded),
    ("an update that fails", Life.roll_back),
    ("the database's password is rotated", Life.rotate),
    ("private ingress", Life.become_private),
    ("destruction", Life.be_destroyed),
)


def rehearse(
    environment: Environment, region: str, template: Path, processor: Path
) -> Generator[Step]:
    """Yield each step of a life as it ends; one in which something is off is the last.

    What needs a container is skipped where this machine has no servers for it.

    Args:
        environment: Whose life it is; its name says which file of `parameters/` is taken.
        region: Where it is rehearsed.
        template: The rendered template; `parameters/` is taken from where this runs.
        processor: The program that stands for the container image.

    Raises:
        EmulatorError: when the embedded AWS does not start.

    """
    with alone(template, region) as (directory, connection, held):
        life = Life(environment, directory, connection, processor.resolve(), held)
        for name, live in STEPS:
            step = _lived(name, live, life)
            yield step
            if step.off:
                break


def _lived(name: str, live: Callable[[Life], Iterator[str]], life: Life) -> Step:
    begun = time.monotonic()
    checked: list[str] = []
    off = skipped = ""
    try:
        checked.extend(live(life))
    except ServerMissingError as error:
        skipped = str(error)
    except TimeoutError:
        off = "there is no answer in time"
    except (
        BotoCoreError,
        ClientError,
        OSError,
        OffError,
        ServerError,
        StoreError,
        TaskError,
    ) as error:
        off = str(error)
    except (HTTPException, LookupError, TypeError, ValueError) as error:
        # AWS, or what was deployed, says something else than is read here.
        off = f"{type(error).__name__}: {error}"
    return Step(name, checked, time.monotonic() - begun, off, skipped)


@contextmanager
def alone(template: Path, region: str) -> Iterator[tuple[Path, Connection, ExitStack]]:
    """Give a directory with an embedded AWS of its own, and what is closed before that is stopped.

    Nothing interrupts the end: what it has to stop would go on.
    """
    with (
        _uninterrupted_end() as begin_end,
        TemporaryDirectory(prefix="iot-pipeline-rehearsal-") as path,
    ):
        directory = Path(path)
        try:
            (directory / "templates").mkdir()
            shutil.copy(template, directory / "templates/iot-pipeline.json")
            shutil.copytree("parameters", directory / "parameters")
            emulator = control.start(directory / control.DIRECTORY, region)
            session = emulator_session()
            connection = Connection(session, region, Target.LOCAL, emulator.endpoint_url)
            with ExitStack() as held:
                try:
                    yield directory, connection, held
                finally:
                    begin_end()
        finally:
            begin_end()
            with suppress(control.EmulatorError):
                control.stop(directory / control.DIRECTORY)


@contextmanager
def _uninterrupted_end() -> Iterator[Callable[[], None]]:
    """Give what has signals that interrupt ignored from then on, to the end of the context."""
    handlers = {number: signal.getsignal(number) for number in INTERRUPTING}

    def begin_end() -> None:
        for number in INTERRUPTING:
            signal.signal(number, signal.SIG_IGN)

    try:
        yield begin_end
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
