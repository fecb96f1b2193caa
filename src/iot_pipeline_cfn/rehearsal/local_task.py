"""A task of an environment, started on this machine as ECS would start it on Fargate.

What the task definition says is read back from ECS, and nothing else is handed to the container: a
variable or a secret that is missing or called something else is missing here too.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from botocore.exceptions import ClientError

from iot_pipeline_cfn.deploy.connection import Connection
from iot_pipeline_cfn.template.files import last_line

from .servers import HOST, free_port
from .stores import Stores

START_SECONDS = 30
HEALTH_CHECK_SECONDS = 5
POLL_SECONDS = 0.05
STOP_SECONDS = 30
"""ECS kills what has not stopped by then, unless the task definition says otherwise."""

PORT = 8080
"""Where a container listens on Fargate, which here is a port that is free."""
FIELDS_OF_AN_ARN = 7


class TaskError(Exception):
    """ECS would not start the task, or not keep it; the message says why in one line."""


@dataclass
class Task:
    """A container that runs, and is registered as a target of its load balancer."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def register(self, connection: Connection, outputs: Mapping[str, str]) -> None:
        """Have the target group of the service send requests to it, and to nothing else."""
        target_group = _registration(service_of(connection, outputs))["targetGroupArn"]
        elbv2 = connection.elbv2
        # ministack takes an address once.
        elbv2.deregister_targets(TargetGroupArn=target_group, Targets=[{"Id": HOST}])
        elbv2.register_targets(
            TargetGroupArn=target_group, Targets=[{"Id": HOST, "Port": self.port}]
        )

    def stop(self) -> None:
        """Stop it as ECS does.

        Raises:
            TaskError: when it does not stop by itself, or not cleanly.

        """
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            msg = f"the container does not stop within {STOP_SECONDS} s of SIGTERM"
            raise TaskError(msg) from None
        if status:
            msg = f"the container has ended with {status} after SIGTERM: {last_line(self.log)}"
            raise TaskError(msg)

    def kill(self) -> None:
        """End it at once, where it has not ended."""
        with suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()


def service_of(connection: Connection, outputs: Mapping[str, str]) -> dict[str, Any]:
    """Return an environment's service as ECS describes it."""
    (service,) = connection.ecs.describe_services(
        cluster=outputs["ClusterName"], services=[outputs["ServiceName"]]
    )["services"]
    return dict(service)


@contextmanager
def started(
    connection: Connection, outputs: Mapping[str, str], stores: Stores, processor: Path
) -> Iterator[Task]:
    """Start the container of an environment, and give it once its health check is answered.

    Then it is registered as ECS would. It is ended in the end, where it has not been stopped.

    Args:
        connection: The embedded AWS.
        outputs: Of the environment.
        stores: What is at the addresses of the database and the cache.
        processor: The program that stands for the image.

    Raises:
        TaskError: when ECS would not start it, or not keep it.

    """
    service = service_of(connection, outputs)
    container = _container(connection, service["taskDefinition"])
    target_group = _target_group(connection, service, container)
    _pull(connection, container["image"])
    _find_log_group(connection, container)
    variables = {
        variable["name"]: stores.elsewhere.get(variable["value"], variable["value"])
        for variable in container.get("environment", [])
    }
    secrets = {
        secret["name"]: _secret_value(connection, secret["name"], secret["valueFrom"])
        for secret in container.get("secrets", [])
    }
    port = free_port()
    with TemporaryDirectory(prefix="iot-pipeline-task-") as directory:
        log = Path(directory) / "log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, processor, "--host", HOST, "--port", str(port)],
                cwd=directory,
                env={**_surroundings(connection, stores), **variables, **secrets},
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )
        task = Task(process, port, log)
        try:
            _await_health(task, target_group["HealthCheckPath"])
            task.register(connection, outputs)
            yield task
        finally:
            task.kill()


def _surroundings(connection: Connection, stores: Stores) -> dict[str, str]:
    """Return what a container has from Fargate and its image: the way to AWS, and authorities."""
    return {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_ENDPOINT_URL": str(connection.endpoint_url),
        "PATH": os.defpath,
        "PGSSLROOTCERT": str(stores.database.ca_file),
        "SSL_CERT_FILE": str(stores.cache.ca_file),
    }


def _container(connection: Connection, definition: str) -> dict[str, Any]:
    """Return the one container of a task definition."""
    task = connection.ecs.describe_task_definition(taskDefinition=definition)["taskDefinition"]
    containers = task["containerDefinitions"]
    if len(containers) != 1:
        msg = f"the task definition has {len(containers)} containers, and not one"
        raise TaskError(msg)
    return dict(containers[0])


def _target_group(
    connection: Connection, service: Mapping[str, Any], container: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the one target group that a service registers its tasks with."""
    registration = _registration(service)
    ports = {mapping["containerPort"] for mapping in container.get("portMappings", [])}
    if registration["containerPort"] not in ports:
        msg = f"the service registers port {registration['containerPort']}, which is not mapped"
        raise TaskError(msg)
    if registration["containerPort"] != PORT:
        msg = f"the service registers port {registration['containerPort']}, and not {PORT}"
        raise TaskError(msg)
    (target_group,) = connection.elbv2.describe_target_groups(
        TargetGroupArns=[registration["targetGroupArn"]]
    )["TargetGroups"]
    return dict(target_group)


def _registration(service: Mapping[str, Any]) -> dict[str, Any]:
    registrations = service.get("loadBalancers", [])
    if len(registrations) != 1:
        msg = f"the service registers its tasks with {len(registrations)} target groups, not one"
        raise TaskError(msg)
    return dict(registrations[0])


def _pull(connection: Connection, image: str) -> None:
    """Look whether an image could be pulled."""
    repository, _, tag = image.partition("/")[2].partition(":")
    try:
        connection.ecr.describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])
    except ClientError:
        msg = f"CannotPullContainerError: {image} is not there"
        raise TaskError(msg) from None


def _find_log_group(connection: Connection, container: Mapping[str, Any]) -> None:
    """Look whether the container's log group is there: the awslogs driver does not make it."""
    options = container.get("logConfiguration", {}).get("options", {})
    name = options.get("awslogs-group", "")
    client = connection.logs
    groups = client.describe_log_groups(logGroupNamePrefix=name)["logGroups"] if name else []
    if name not in {group["logGroupName"] for group in groups}:
        msg = f"ResourceInitializationError: the log group {name!r} does not exist"
        raise TaskError(msg)


def _secret_value(connection: Connection, name: str, source: str) -> str:
    """Return what a secret of a container comes to.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
    """
    parts = source.split(":")
    arn, key = ":".join(parts[:FIELDS_OF_AN_ARN]), "".join(parts[FIELDS_OF_AN_ARN:][:1])
    try:
        secret = connection.secretsmanager.get_secret_value(SecretId=arn)["SecretString"]
        return str(json.loads(secret)[key]) if key else secret
    except (ClientError, LookupError, TypeError, ValueError):
        # Without the cause, which could quote the secret.
        msg = f"ResourceInitializationError: {name} cannot be had from {source}"
        raise TaskError(msg) from None


def _await_health(task: Task, path: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    answer = "nothing"
    while answer != "200":
        if task.process.poll() is not None:
            msg = f"the container has ended with {task.process.returncode}: {last_line(task.log)}"
            raise TaskError(msg)
        if time.monotonic() > deadline:
            msg = f"GET {path} answers {answer} after {START_SECONDS} s: {last_line(task.log)}"
            raise TaskError(msg)
        time.sleep(POLL_SECONDS)
        answer = _health(task.port, path)


def _health(port: int, path: str) -> str:
    client = HTTPConnection(HOST, port, timeout=HEALTH_CHECK_SECONDS)
    try:
        client.request("GET", path)
        return str(client.getresponse().status)
    except (OSError, HTTPException) as error:
        return type(error).__name__
    finally:
        client.close()
