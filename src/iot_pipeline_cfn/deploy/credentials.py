"""AWS sessions, and their credentials by every way that the AWS CLI knows.

https://docs.aws.amazon.com/cli/latest/userguide/cli-chap-authentication.html
"""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from getpass import GetPassWarning, getpass
from typing import Any

import boto3
import botocore.session
from botocore.credentials import RefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError
from botocore.utils import JSONFileCache

from iot_pipeline_cfn.exit_codes import ExitCode

from .errors import DeploymentError, explained

REGION_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")
"""In this order, as in the AWS CLI; botocore reads the second one only.
https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-envvars.html
"""


class RoleCache(JSONFileCache):
    """The AWS CLI's cache of assumed roles, so that a code of an MFA device is asked for once."""

    def __init__(self) -> None:
        """Use the directory of the AWS CLI."""
        super().__init__(os.path.expanduser("~/.aws/cli/cache"))  # noqa: PTH111 Without a home too.

    def __setitem__(self, key: str, value: object) -> None:
        """Store credentials, where the home directory can be written."""
        with suppress(OSError):
            super().__setitem__(key, value)


def open_session(region: str | None = None, profile: str | None = None) -> boto3.Session:
    """Return a session with a Region and with credentials.

    Raises:
        DeploymentError: when there is no Region, or no credentials can be obtained.

    """
    forget_empty_variables()
    with _explaining(profile):
        own = botocore.session.Session(profile=profile)
        if named := region or named_region():
            own.set_config_variable("region", named)
        _share_role_cache(own)
        session = boto3.Session(botocore_session=own)
        if session.region_name is None:
            raise NoRegionError
        credentials = session.get_credentials()
        if credentials is None:
            raise NoCredentialsError
        credentials.get_frozen_credentials()
        if isinstance(credentials, RefreshableCredentials):
            _explain_refreshes(credentials)
    return session


def _explain_refreshes(credentials: Any) -> None:
    """Turn failures to renew credentials later into errors for the user, such as a missing file.

    Those of botocore stay as they are: an outage of STS is waited out like any other.
    """
    renew = credentials._refresh_using  # noqa: SLF001

    def explained_renewal() -> Any:
        try:
            return renew()
        except (BotoCoreError, ClientError):
            raise
        except Exception as error:  # noqa: BLE001 A provider raises what a file or JSON does.
            raise _unobtainable(error) from None

    credentials._refresh_using = explained_renewal  # noqa: SLF001


def forget_empty_variables() -> None:
    """Remove the empty variables of AWS, which CI sets for secrets that do not exist.

    The AWS CLI takes most of them as absent; botocore fails for some.
    """
    for name, value in [*os.environ.items()]:
        if name.startswith("AWS_") and not value:
            del os.environ[name]


def named_region() -> str | None:
    """Return the Region that the environment names."""
    return next(filter(None, map(os.environ.get, REGION_VARIABLES)), None)


def _share_role_cache(session: botocore.session.Session) -> None:
    """Let assumed roles be cached, and a code be asked for on a terminal only."""
    provider = session.get_component("credential_provider").get_provider("assume-role")
    provider.cache = RoleCache()
    provider._prompter = _ask_for_code  # noqa: SLF001


def _ask_for_code(prompt: str) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("error", GetPassWarning)
        return getpass(prompt)


@contextmanager
def _explaining(profile: str | None) -> Iterator[None]:
    """Turn every failure to obtain credentials into an error for the user."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise explained(error, profile) from None
    except (GetPassWarning, EOFError):
        message = (
            "the profile needs a code of an MFA device, and there is no terminal to ask for it: "
            "run a command on one before, which caches the role"
        )
        raise DeploymentError(message, ExitCode.NO_ACCESS, code="mfa-needed") from None
    except Exception as error:  # noqa: BLE001 A provider raises what a file, JSON or a program does.
        raise _unobtainable(error) from None


def _unobtainable(error: Exception) -> DeploymentError:
    words = " ".join(f"{type(error).__name__}: {error}".split())
    message = f"cannot obtain AWS credentials ({words}); see: aws configure list"
    return DeploymentError(message, ExitCode.NO_ACCESS, code="bad-configuration")
