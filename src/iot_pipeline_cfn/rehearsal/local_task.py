"""A task of an environment, started on this machine as ECS starts it on Fargate.

The container gets what ECS returns of the task definition and nothing else: a variable or a secret
that is missing or has another name there is missing here too.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from botocore.exceptions import ClientError

from iot_pipeline_cfn.deploy.connection import Connection
from iot_pipeline_cfn.deploy.image_registry import ImageReference, ImageRepository

from .checks import CheckFailed, require
from .container import Container
from .rehearsal_target import find_service
from .servers import HOST
from .stores import Stores

FIELDS_OF_AN_ARN: Final = 7
READINESS_PATH: Final = "/ready"


@contextmanager
def running_task(
    connection: Connection, outputs: Mapping[str, str], stores: Stores, processor: Path
) -> Iterator[Container]:
    """Run the containers of a task, and register one with the load balancer once it is ready.

    Args:
        connection: The connection to the emulator.
        outputs: The outputs of the environment.
        stores: The servers in place of the database and the cache.
        processor: The program in place of the image.
    """
    service = find_service(connection, outputs)
    registrations = service.get("loadBalancers", [])
    require(len(registrations) == 1, "target-groups", count=len(registrations))
    (registration,) = registrations
    containers = _container_definitions(connection, service["taskDefinition"])
    definition = containers[registration["containerName"]]
    target_group = _target_group(connection, registration, definition)
    with TemporaryDirectory(prefix="iot-pipeline-task-") as directory:

        def create(definition: Mapping[str, Any]) -> Container:
            _require_image(connection, definition["image"])
            _require_log_group(connection, definition)
            log = Path(directory) / definition["name"]
            variables = _variables(connection, definition, stores)
            return Container(processor, variables, log, definition.get("command", []))

        for dependency in definition.get("dependsOn", []):
            name, state = dependency["containerName"], dependency["condition"]
            require(state == "SUCCESS", "unknown-dependency", container=name, state=state)
            create(containers[name]).run()
        container = create(definition)
        try:
            container.start()
            for path in (target_group["HealthCheckPath"], READINESS_PATH):
                container.wait_until_healthy(path)
            register(connection, outputs, container.port)
            yield container
        finally:
            container.kill()


def _variables(
    connection: Connection, definition: Mapping[str, Any], stores: Stores
) -> dict[str, str]:
    """Return the variables of a container, which include the values of its secrets."""
    # Fargate gives a container its credentials, and the image has the authorities.
    credentials = connection.session.get_credentials()
    provided = {
        "AWS_ACCESS_KEY_ID": credentials.access_key if credentials else "",
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key if credentials else "",
        "AWS_ENDPOINT_URL": str(connection.endpoint_url),
        "PATH": os.defpath,
        "PGSSLROOTCERT": str(stores.database.ca_file),
        "SSL_CERT_FILE": str(stores.cache.ca_file),
    }
    variables = {
        variable["name"]: stores.replacements.get(variable["value"], variable["value"])
        for variable in definition.get("environment", [])
    }
    secrets = {
        secret["name"]: _read_secret(connection, secret["name"], secret["valueFrom"])
        for secret in definition.get("secrets", [])
    }
    return {**provided, **variables, **secrets}


def register(connection: Connection, outputs: Mapping[str, str], port: int) -> None:
    """Make a local port the only target of the environment's load balancer."""
    # ministack accepts each address once.
    deregister(connection, outputs)
    connection.elbv2.register_targets(
        TargetGroupArn=outputs["TargetGroupArn"], Targets=[{"Id": HOST, "Port": port}]
    )


def deregister(connection: Connection, outputs: Mapping[str, str]) -> None:
    """Remove local ports from the targets of the environment's load balancer."""
    connection.elbv2.deregister_targets(
        TargetGroupArn=outputs["TargetGroupArn"], Targets=[{"Id": HOST}]
    )


def _container_definitions(
    connection: Connection, task_definition: str
) -> dict[str, dict[str, Any]]:
    """Return the containers of a task definition by name."""
    task = connection.ecs.describe_task_definition(taskDefinition=task_definition)
    return {each["name"]: dict(each) for each in task["taskDefinition"]["containerDefinitions"]}


def _target_group(
    connection: Connection, registration: Mapping[str, Any], definition: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the target group of a service, whose port the container must listen on."""
    (target_group,) = connection.elbv2.describe_target_groups(
        TargetGroupArns=[registration["targetGroupArn"]]
    )["TargetGroups"]
    port = registration["containerPort"]
    ports = {mapping["containerPort"] for mapping in definition.get("portMappings", [])}
    if port not in ports or port != target_group.get("Port"):
        raise CheckFailed(
            "container-port", port=port, mapped=sorted(ports), target=target_group.get("Port")
        )
    return dict(target_group)


def _require_image(connection: Connection, image: str) -> None:
    """Require that the image can be pulled."""
    reference = ImageReference.parse(image)
    try:
        found = reference and ImageRepository(connection, reference.repository).find(reference.name)
    except ClientError:
        found = None
    if not found:
        raise CheckFailed("image-missing", image=image)


def _require_log_group(connection: Connection, definition: Mapping[str, Any]) -> None:
    """Require that the container's log group exists: the awslogs driver does not create it."""
    options = definition.get("logConfiguration", {}).get("options", {})
    name = options.get("awslogs-group", "")
    client = connection.logs
    groups = client.describe_log_groups(logGroupNamePrefix=name)["logGroups"] if name else []
    if name not in {group["logGroupName"] for group in groups}:
        raise CheckFailed("log-group-missing", name=name)


def _read_secret(connection: Connection, name: str, source: str) -> str:
    """Return the value of a secret of a container.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
    """
    parts = source.split(":")
    arn, key = ":".join(parts[:FIELDS_OF_AN_ARN]), "".join(parts[FIELDS_OF_AN_ARN:][:1])
    try:
        secret = connection.secretsmanager.get_secret_value(SecretId=arn)["SecretString"]
        return str(json.loads(secret)[key]) if key else secret
    except (ClientError, LookupError, TypeError, ValueError):
        # Without the cause, which could quote the secret.
        raise CheckFailed("secret-unreadable", name=name, source=source) from None
