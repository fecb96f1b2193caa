"""Resource types of ECS in ministack that behave unlike those of AWS."""

from collections.abc import Callable

from ministack.services import ecs
from ministack.services.cloudformation import provisioners

from .resource_types import (
    Attributes,
    Handler,
    Properties,
    accepted,
    is_true,
    patch_handlers,
    refuse,
    with_properties,
    wrap,
)


def patch() -> None:
    """Patch the handler of services, and the containers of task definitions."""
    patch_handlers(
        {"AWS::ECS::Service": [with_properties(with_number_of_tasks), force_deployments]}
    )
    wrap(provisioners, "_normalize_container_defs", describe_containers)


def with_number_of_tasks(properties: Properties) -> Properties:
    """Convert the number of tasks, which a parameter hands on as text; ministack fails with it."""
    return {**properties, "DesiredCount": int(properties.get("DesiredCount", 1))}


def force_deployments(handler: Handler) -> Handler:
    """Force new deployments of a service, and require one for another strategy, as ECS does.

    ministack ignores `ForceNewDeployment`, and changes the capacity providers without it. The
    message is ECS's (https://github.com/pipe-cd/pipecd/pull/6385).
    """

    def update(
        reference: str, old: Properties, new: Properties, *names: str
    ) -> tuple[str, Attributes]:
        forced = new.get("ForceNewDeployment", {})
        is_forced = is_true(forced.get("EnableForceNewDeployment")) and (
            forced.get("ForceNewDeploymentNonce")
            != old.get("ForceNewDeployment", {}).get("ForceNewDeploymentNonce")
        )
        strategies = [side.get("CapacityProviderStrategy") for side in (old, new)]
        if strategies[0] != strategies[1] and not is_forced:
            refuse(
                "When switching from launch type to capacity provider strategy on an existing "
                "service, or making a change to a capacity provider strategy on a service that is "
                "already using one, you must force a new deployment."
            )
        updated: tuple[str, Attributes] = handler["update"](reference, old, new, *names)
        if is_forced:
            service = {"cluster": new.get("Cluster", "default"), "service": reference}
            accepted(ecs._update_service(service | {"forceNewDeployment": True}))
        return updated

    return {"update": update}


def describe_containers(
    normalize: Callable[[list[Properties]], list[Properties]],
) -> Callable[[list[Properties]], list[Properties]]:
    """Describe the secrets and dependencies of a container, as ECS does; ministack loses them."""

    def patched(definitions: list[Properties]) -> list[Properties]:
        return [
            {
                **container,
                "dependsOn": [
                    {"condition": each["Condition"], "containerName": each["ContainerName"]}
                    for each in definition.get("DependsOn", [])
                ],
                "secrets": [
                    {"name": secret["Name"], "valueFrom": secret["ValueFrom"]}
                    for secret in definition.get("Secrets", [])
                ],
            }
            for definition, container in zip(definitions, normalize(definitions), strict=True)
        ]

    return patched
