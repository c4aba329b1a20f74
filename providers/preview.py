"""A look at the pool for a preview or a refresh: reads only, by lists, with what the environment gives as rights."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from providers.failure import one_line
from providers.schema import input_names
from providers.validation import Problem, problem_of
from rollout import ahead, history, hold, names, timing, turns
from rollout.arm import subscription_of
from rollout.clock import in_zone
from rollout.declaration import Declaration
from rollout.errors import AzureError, InvalidDeclaration
from rollout.image_sources import resolve
from rollout.images import Image, short
from rollout.load import read
from rollout.observation import Pool, observe
from rollout.plan import hosts_to_update, lines, state_line, wanted_id
from rollout.pool_record import State
from rollout.promotion import promoted
from rollout.record import ENDED
from rollout.window_watch import WindowWatch

if TYPE_CHECKING:
    from rollout.azure import Azure
    from rollout.prechecks import Finding


PATIENCE = 120.0
"""Real seconds that a preview or a refresh waits for Azure. Azure allows 10 lists of session hosts in 5 minutes,
so that previews in quick succession are throttled for minutes; an update itself waits."""


TOLD = (State.COMPLETE, State.COMPLETE_WITH_FAILURES, State.PAUSED)
"""States of an attempt that are a resource's `status`: a run that ends in another one fails."""


@dataclass(frozen=True)
class Look:
    """What was seen of a pool."""

    plan: Mapping[str, str] = field(default_factory=dict)
    """Host -> what is to be done, of the hosts that need work."""
    state: str = ""
    image_version_id: str = ""
    needed: int = 0
    """Hosts that need work."""
    images: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Version -> names of the hosts that run it."""
    status: str = ""
    """How the last attempt of this declaration ended, or stands; empty where none has, or one is scheduled."""
    history: tuple[Mapping[str, Any], ...] = ()
    """The pool's last rollouts, the newest first."""
    failures: tuple[Problem, ...] = ()
    """What forbids the update."""
    warnings: tuple[str, ...] = ()
    why_not: str = ""
    """Why the pool does not get the version of the one that it is promoted from; empty where it does."""
    problem: str = ""
    """Why Azure could not be asked; the rest is empty then."""
    gone: bool = False
    """The pool does not exist."""


async def look(declaration: Declaration, *, complete: bool) -> Look:
    """The plan of a declaration, within `PATIENCE`: a preview does not wait until Azure's throttling is over."""
    return await _patiently(_seen(declaration, complete))


async def observe_images(declaration: Declaration) -> Look:
    """The same for a refresh: a missing pool is gone, and no rule of the declaration is an error."""
    return await _patiently(_images(declaration))


async def _patiently(work: Awaitable[Look]) -> Look:
    try:
        async with asyncio.timeout(PATIENCE):
            return await work
    except TimeoutError:
        return Look(problem=_offline(f"no answer in {PATIENCE:g} s; it may limit the calls of a pool, try again later"))


async def _seen(declaration: Declaration, complete: bool) -> Look:
    """The plan of a declaration, its image resolved and its pre-checks made.

    `complete` is False while some inputs, though none that the plan depends on, are not known yet: then the pre-checks,
    which would miss them, are left to the run. Raises nothing that Azure or the declaration is the reason of.
    """
    async with AsyncExitStack() as stack:
        try:
            azure = await stack.enter_async_context(_azure(declaration))
        except (InvalidDeclaration, AzureError) as error:  # the environment's variables
            return Look(problem=_offline(error))
        # Imports that are needed only then, in the time that the answers take.
        imports = asyncio.ensure_future(asyncio.to_thread(_import_for_pre_checks))
        stack.push_async_callback(asyncio.wait, [imports])
        try:
            pool = await observe(azure, declaration, at=azure.azure_time())
            target, why_not = await promoted(azure, declaration, pool)
            if target is None:
                return left_alone(pool, why_not)
            image = await resolve(azure, target, pool.location)
            seen = look_at(pool, image, target, why_not)
            queue = await turns.behind(azure, target, hold.moved(pool.tags, target)) if seen.needed else ""
            seen = replace(seen, state=f"{seen.state}; {queue}") if queue else seen
            return await _with_findings(azure, target, pool, image, seen) if complete else seen
        except InvalidDeclaration as error:
            return Look(failures=(problem_of(error),))
        except AzureError as error:
            return Look(problem=_offline(error))


async def _images(declaration: Declaration) -> Look:
    async with AsyncExitStack() as stack:
        try:
            azure = await stack.enter_async_context(_azure(declaration))
            if await azure.get_host_pool(declaration.host_pool_id) is None:
                return Look(gone=True)
            pool = await observe(azure, declaration, at=azure.azure_time())
            target, why_not = await promoted(azure, declaration, pool)
            if target is None:
                return left_alone(pool, why_not)
            image = await resolve(azure, target, pool.location)
        except (InvalidDeclaration, AzureError) as error:
            return Look(problem=_offline(error))
        return look_at(pool, image, target, why_not)


def left_alone(pool: Pool, why_not: str) -> Look:
    """What is told of a pool for which no version is ready, while it has none to stay with."""
    state = f"left alone: {why_not}"
    return Look(state=state, images=_images_of(pool), history=_history_of(pool), why_not=why_not)


def look_at(pool: Pool, image: Image, declaration: Declaration, why_not: str = "") -> Look:
    """What a pool that was read says of a declaration; `why_not` why its version is not a newer one."""
    works, state = hosts_to_update(pool, image, declaration), ""
    if works and (declaration.window is not None or declaration.start_at is not None):
        now = pool.observed_at
        moved = hold.moved(pool.tags, declaration)
        window, load = WindowWatch(declaration, always=False), read(pool.tags)
        window.move(moved)
        window.wait_for_quiet(load, len(works), len(pool.hosts))
        state = f"; {timing.estimated(declaration, load, len(works), len(pool.hosts), now, moved)}"
        state += ahead.line(pool, image, declaration, works, window.next(now))
    return Look(
        plan=lines(pool, image, declaration, works),
        state=state_line(pool, image, declaration, works) + state + (f"; {why_not}" if why_not else ""),
        image_version_id=image.id,
        needed=len(works),
        images=_images_of(pool),
        status=_status(pool, image, declaration),
        history=_history_of(pool),
        why_not=why_not,
    )


def _images_of(pool: Pool) -> dict[str, tuple[str, ...]]:
    images: dict[str, tuple[str, ...]] = {}
    for host in pool.hosts:
        version = short(host.image)
        images[version] = (*images.get(version, ()), host.name)
    return images


def _history_of(pool: Pool) -> tuple[Mapping[str, Any], ...]:
    return tuple(entry.as_os_upgrade_history() for entry in history.read(pool.tags.get(names.HISTORY)))


def _status(pool: Pool, image: Image, declaration: Declaration) -> str:
    record = pool.record
    if record is None or record.t or record.r != wanted_id(image, declaration) or hold.of(pool.tags) is not None:
        return ""
    return str(record.st) if record.st in TOLD else ""


async def _with_findings(azure: Azure, declaration: Declaration, pool: Pool, image: Image, seen: Look) -> Look:
    """The look with what the pre-checks found. Errors forbid an update, but not one that has to bring hosts home which
    an earlier run left half done."""
    from rollout.prechecks import Severity
    from rollout.prechecks import run as run_prechecks

    def told(finding: Finding) -> str:
        return one_line(in_zone(str(finding), declaration.zone))

    findings = await run_prechecks(azure, declaration, pool, image, mode="preview")
    half_done = any(host.record is not None and host.record.p not in ENDED for host in pool.hosts)
    errors = [finding for finding in findings if finding.severity is Severity.ERROR and not half_done]
    warnings = [finding for finding in findings if finding.severity is not Severity.ERROR or half_done]
    return replace(
        seen,
        failures=tuple(Problem(_property(finding.subject), told(finding)) for finding in errors),
        warnings=tuple(told(finding) for finding in warnings),
    )


def _import_for_pre_checks() -> None:
    import rollout.prechecks  # noqa: F401
    from cloud.connection import import_for_pre_checks

    import_for_pre_checks()


def _property(subject: str) -> str:
    """The input that a finding is about, or nothing: a finding may be about a host, a scope, a lock."""
    name = subject.partition(":")[0]
    return name if name.partition(".")[0].partition("[")[0] in input_names() else ""


@asynccontextmanager
async def _azure(declaration: Declaration) -> AsyncIterator[Azure]:
    """A connection that can only read."""
    from cloud.azure_cloud import open_cloud
    from cloud.clock import clock_from
    from cloud.policies import read_only

    subscription_id = subscription_of(declaration.host_pool_id)
    async with open_cloud(os.environ, subscription_id, clock_from(os.environ), read_only) as azure:
        yield azure


def _offline(error: Exception | str) -> str:
    return one_line(f"Azure could not be asked, so the plan is not up to date: {error}")
