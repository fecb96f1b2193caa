"""Where a command works: the account, the Region, and the identity that it works as."""

from dataclasses import dataclass

from iot_pipeline_cfn.template.findings import Value
from iot_pipeline_cfn.template.parameters import ParameterFile

from .concurrency import both
from .connection import Connection, Target
from .errors import DeploymentError


@dataclass(frozen=True)
class Location:
    """The account and the Region, and for one environment its stack; what is unknown is empty."""

    target: Target
    account: str
    account_alias: str
    region: str
    principal: str
    """The ARN of the caller."""
    stack: str = ""
    service_role: str = ""
    """The ARN of the role that CloudFormation acts as, instead of as the caller."""

    def as_data(self) -> dict[str, Value]:
        """Return it as data for JSON."""
        return {
            "target": self.target,
            "account": self.account,
            "account_alias": self.account_alias or None,
            "region": self.region,
            "principal": self.principal,
            "stack": self.stack or None,
            "service_role": self.service_role or None,
        }


def locate(connection: Connection, stack: str = "", service_role: str = "") -> Location:
    """Ask AWS for the location of a command."""
    caller, alias = both(lambda: connection.caller, lambda: connection.account_alias)
    return Location(
        target=connection.target,
        account=caller.account,
        account_alias=alias,
        region=connection.region,
        principal=caller.arn,
        stack=stack,
        service_role=service_role,
    )


def require_location(location: Location, file: ParameterFile | None) -> None:
    """Require the account and the Region that a parameter file names; the emulator is any of them.

    Raises:
        DeploymentError: when the command works elsewhere.

    """
    if file is None or location.target is Target.LOCAL:
        return
    for name, required, actual in (
        ("account", file.account, location.account),
        ("region", file.region, location.region),
    ):
        if required not in {None, actual}:
            message = (
                f"{location.stack} belongs to the {name} {required} ({file.path}), and this is "
                f"{actual}; nothing was changed"
            )
            raise DeploymentError(
                message, code=f"wrong-{name}", required=required, actual=actual, file=str(file.path)
            )
