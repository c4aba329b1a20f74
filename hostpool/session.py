"""What every subcommand needs: the pool's id, the environment, a clock, Azure; and expected errors as one line."""

from __future__ import annotations

import asyncio
import getpass
import logging
import os
import socket
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cloud.azure_cloud import open_cloud
from cloud.clock import clock_from
from cloud.policies import WriteGuard, read_only
from hostpool.kinds import Kind, kind_of
from hostpool.logs import DEFAULT_FOLDER, FOLDER_VARIABLE, NoLog
from rollout.arm import subscription_of
from rollout.audit import row
from rollout.azure import Azure, Body
from rollout.clock import Clock, in_zone
from rollout.errors import AzureError, InvalidDeclaration, RolloutError
from sinks.audit_log import AuditFile
from sinks.caller import caller

if TYPE_CHECKING:  # Pulumi's packages, which only --stack needs
    from program.stack import Stack

T = TypeVar("T")
POOL_VARIABLE = "HOSTPOOL_ID"
ID_SHAPE = "/subscriptions/<id>/resourceGroups/<group>/providers/Microsoft.DesktopVirtualization/hostPools/<name>"

Opener = Callable[[Mapping[str, str], str, Clock, WriteGuard], AbstractAsyncContextManager[Azure]]
"""Opens Azure for an environment and a subscription id."""


class WrongUse(click.ClickException):
    """It was asked wrongly: an option, a name or an id is missing, or is none."""

    exit_code = 2


class NotPossible(click.ClickException):
    """It was asked rightly, and the pool does not allow it as it stands."""

    exit_code = 1


@dataclass(frozen=True)
class World:
    """What lies outside the command; tests put in their own."""

    environment: Mapping[str, str]
    open_azure: Opener
    clock_from: Callable[[Mapping[str, str]], Clock] = clock_from
    who: str = ""
    run: Callable[[Coroutine[Any, Any, Any]], Any] = asyncio.run


def real_world() -> World:
    # azure-identity logs what it also raises; without a handler Python would print that a second time.
    logging.getLogger("azure").addHandler(logging.NullHandler())
    return World(dict(os.environ), open_cloud, who=_who())


def _who() -> str:
    """Who gives the command, for those who read the pool's tags: `ada@desk-7`."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"


@dataclass
class Session:
    """One call of the command. Made by the group, filled by its options."""

    world: World
    host_pool_id: str = ""
    log_folder: str = ""
    zone: str = "UTC"
    """In which people are told times, beside UTC: the pool's, once its tags were read."""
    stack: Stack | None = None
    """Whose declaration it is about, where --stack names one."""

    @property
    def pool_id(self) -> str:
        """The host pool's id as given. Raises WrongUse when there is none, or one of something else."""
        given = self.target_id
        if self.kind is not Kind.HOST_POOL:
            name = given.rsplit("/", 1)[-1]
            raise WrongUse(
                f"{name} is a {self.kind}, and this command is for host pools; status, history and report are for all, "
                "upgrade is for scale sets"
            )
        return given

    @property
    def kind(self) -> Kind:
        """What the id names."""
        return kind_of(self.target_id) or Kind.HOST_POOL

    @property
    def target_id(self) -> str:
        """The id as given, of whatever kind. Raises WrongUse when there is none, or one that is none."""
        given = (self.host_pool_id or self.world.environment.get(POOL_VARIABLE, "")).strip().rstrip("/")
        where = "--host-pool" if self.host_pool_id else POOL_VARIABLE
        if not given:
            raise WrongUse(
                f"no host pool given: add --host-pool ID or set {POOL_VARIABLE}; "
                'az desktopvirtualization hostpool list --query "[].id" -o tsv shows the ids'
            )
        if kind_of(given) is None:
            raise WrongUse(
                f"{where}: {given!r} is not the id of a host pool; write {ID_SHAPE}, or the id of a scale set or a "
                "Batch pool"
            )
        return given

    @property
    def has_pool(self) -> bool:
        return bool((self.host_pool_id or self.world.environment.get(POOL_VARIABLE, "")).strip())

    @property
    def pool_name(self) -> str:
        return self.pool_id.rsplit("/", 1)[-1]

    @property
    def target_name(self) -> str:
        return self.target_id.rsplit("/", 1)[-1]

    @property
    def folder(self) -> Path:
        return Path(self.log_folder or self.world.environment.get(FOLDER_VARIABLE, "") or DEFAULT_FOLDER)

    def note(self, at: float, event: str, **known: Any) -> None:
        """Add what the command did to the audit log here; one that cannot be written is a warning. `known`: columns."""
        columns = {**caller(self.world.who, self.world.environment), **known}
        try:
            AuditFile(self.folder, self.pool_name).append(row(at, event, host_pool_id=self.pool_id, **columns))
        except OSError as error:
            click.echo(f"warning: no row in the audit log: {error}", err=True)

    @property
    def clock(self) -> Clock:
        return self.world.clock_from(self.world.environment)

    def azure(self, guard: WriteGuard = read_only) -> AbstractAsyncContextManager[Azure]:
        """A connection; it refuses every write unless another guard is given."""
        return self.world.open_azure(self.world.environment, subscription_of(self.target_id), self.clock, guard)

    def told(self, text: str) -> str:
        """A text with its times in the pool's zone and UTC."""
        return in_zone(text, self.zone)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do it; an expected error becomes one line and an exit code."""
        try:
            result: T = self.world.run(work)
            return result
        except InvalidDeclaration as error:
            raise WrongUse(self.told(str(error))) from error
        except NoLog as error:
            raise WrongUse(str(error)) from error
        except (RolloutError, AzureError) as error:
            raise click.ClickException(self.told(str(error))) from error


def may_write() -> None:
    """A guard that lets writes through: for the pool's pause tag, which belongs to people and needs no lease."""


async def pool_body(azure: Azure, pool_id: str) -> Body:
    """The host pool. Raises WrongUse when there is none."""
    body = await azure.get_host_pool(pool_id)
    if body is None:
        raise WrongUse(f"host pool {pool_id} does not exist, or these credentials may not see it; check the id")
    return body
