"""One run of the engine on behalf of a resource: clients, lease and live line in, outputs or one clear error out."""

from __future__ import annotations

import asyncio
import getpass
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cloud.azure_cloud import open_cloud
from cloud.clock import clock_from
from providers.engine_log import EngineLog
from providers.failure import HostPoolImageUpdateFailed
from providers.preview import left_alone, look_at
from providers.progress import EVERY, EVERY_IN_LOG, Progress
from providers.properties import observed
from providers.validation import validate
from rollout.arm import subscription_of
from rollout.azure import Azure
from rollout.clock import in_zone
from rollout.declaration import Declaration
from rollout.errors import AzureError, RolloutError
from rollout.events import Event
from rollout.image_sources import resolve
from rollout.lease import Lease
from rollout.observation import observe
from rollout.pool_record import State
from rollout.promote_from import PROMOTED
from rollout.promotion import promoted
from rollout.rollout import Outcome, run
from sinks.listeners import listeners

LOG_FOLDER = "HOSTPOOL_LOG_FOLDER"
DEFAULT_LOG_FOLDER = ".hostpool"


async def roll(inputs: Mapping[str, Any], urn: str, stop: asyncio.Event) -> dict[str, Any]:
    """Bring the pool to the declared image; returns the outputs of the run.

    `inputs` are the declared ones, with a version that is not `latest` any more where a preview has resolved it.
    Setting `stop` makes the run come to a safe end. Raises HostPoolImageUpdateFailed.
    """
    checked = validate(inputs)
    if checked.declaration is None:  # check() has refused it before; a state that was edited by hand
        raise HostPoolImageUpdateFailed("; ".join(problem.reason for problem in checked.problems))
    declaration = checked.declaration
    log = EngineLog(urn)
    try:
        return await _rolled(declaration, inputs, log, stop)
    except (RolloutError, AzureError) as error:
        raise HostPoolImageUpdateFailed(_about(declaration, str(error))) from None
    finally:
        await asyncio.to_thread(log.close)


async def _rolled(
    declaration: Declaration, inputs: Mapping[str, Any], log: EngineLog, stop: asyncio.Event
) -> dict[str, Any]:
    clock = clock_from(os.environ)
    lease = Lease(declaration.host_pool_id, owner(), clock)
    progress = Progress(log, every=EVERY_IN_LOG if os.environ.get("CI") else EVERY)
    folder = Path(os.environ.get(LOG_FOLDER) or DEFAULT_LOG_FOLDER)
    subscription_id = subscription_of(declaration.host_pool_id)
    async with open_cloud(os.environ, subscription_id, clock, lease.check) as azure:
        async with listeners(
            azure,
            declaration,
            clock=clock,
            who=lease.owner,
            folder=folder,
            environment=os.environ,
            warn=log.warning,
        ) as told:

            def tell(event: Event) -> None:
                progress(event)
                told(event)

            target, why_not = await _target(azure, declaration)
            if target is None:
                return await _left_alone(azure, declaration, why_not)
            declaration, inputs = target, {**inputs, "version": target.version}
            outcome = await run(
                azure, declaration, inputs, clock=clock, lease=lease, listener=tell, log_folder=folder, stop=stop
            )
        if outcome.status == State.STOPPED or outcome.alarm:
            raise HostPoolImageUpdateFailed(_about(declaration, outcome.summary))
        if outcome.waits_for and not outcome.report:
            log.info(outcome.summary)  # nothing was begun, so that no event has said why
        return outputs_of(outcome) | await _seen(azure, declaration, log)


async def _target(azure: Azure, declaration: Declaration) -> tuple[Declaration | None, str]:
    """The declaration with a version to be promoted looked up, where no preview could; None where none is ready."""
    if declaration.version.lower() != PROMOTED:
        return declaration, ""
    return await promoted(azure, declaration, await observe(azure, declaration, at=azure.azure_time()))


async def _left_alone(azure: Azure, declaration: Declaration, why_not: str) -> dict[str, Any]:
    """The outputs where no version is ready and the pool has none to stay with: nothing was begun."""
    pool = await observe(azure, declaration, at=azure.azure_time())
    hosts = {"pending": [host.name for host in pool.hosts]}
    outcome = Outcome("queued", "", hosts, 0, (), "", f"pool {pool.name}: left alone: {why_not}", waits_for=why_not)
    return outputs_of(outcome) | observed(left_alone(pool, why_not))


async def _seen(azure: Azure, declaration: Declaration, log: EngineLog) -> dict[str, Any]:
    """What the pool looks like after the run. The run has ended well, so that a failure to read is a warning only."""
    try:
        pool = await observe(azure, declaration, at=azure.azure_time())
        image = await resolve(azure, declaration, pool.location)
        return observed(look_at(pool, image, declaration))
    except (RolloutError, AzureError) as error:
        log.warning(_about(declaration, f"not read again after the run: {error}"))
        return {}


def outputs_of(outcome: Outcome) -> dict[str, Any]:
    """The outputs that the engine's outcome gives."""
    return {
        "status": outcome.status,
        "image_version_id": outcome.image_version_id,
        "hosts": {state: list(names) for state, names in outcome.hosts.items()},
        "attempt": outcome.attempt,
        "report": outcome.report,
        "summary": outcome.summary,
        "users": dict(outcome.users),
        "goes_on": outcome.goes_on,
        "waits_for": outcome.waits_for,
    }


def owner() -> str:
    """Who holds the lease, for people who meet it: user, machine and process, nothing else."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()} {os.getpid()}"


def _about(declaration: Declaration, text: str) -> str:
    """The text with the pool's name in front, unless it is there, and its times in the pool's zone."""
    name, text = f"pool {declaration.pool_name}", in_zone(text, declaration.zone)
    return text if text.startswith(name) else f"{name}: {text}"
