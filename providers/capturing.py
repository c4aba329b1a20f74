"""One capture on behalf of a resource, and the look at Azure that a preview takes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from capture import bodies, names, prechecks, retention, versions
from capture.capture import Captured, capture, publishes
from capture.declaration import CaptureDeclaration
from capture.lease import DefinitionLease
from capture.record import decode
from capture.steps import Goal, Resource
from cloud.azure_cloud import open_cloud
from cloud.clock import clock_from, guid, real_chance
from cloud.policies import read_only
from providers.engine_log import EngineLog
from providers.failure import GoldenImageVersionFailed, one_line
from providers.preview import PATIENCE
from providers.rolling import DEFAULT_LOG_FOLDER, LOG_FOLDER, owner
from providers.validation import Problem
from rollout.arm import dig, name_of, subscription_of
from rollout.errors import AzureError, InvalidDeclaration, RolloutError
from rollout.events import Event, EventLog, Kind
from rollout.images import normal_location

if TYPE_CHECKING:
    from capture.azure import CaptureAzure


@dataclass(frozen=True)
class Look:
    """What a preview or a refresh saw."""

    plan: str = ""
    """What the next run does; empty for nothing."""
    version: str = ""
    """The declared version, `x.y.*` resolved."""
    failures: tuple[Problem, ...] = ()
    warning: str = ""
    problem: str = ""
    """Why Azure could not be asked."""
    gone: bool = False
    """The version does not exist."""
    replication: Mapping[str, str] = field(default_factory=dict)


async def look(declared: CaptureDeclaration, former: str, *, first: bool) -> Look:
    """What a run would do. `former`: the version of before, where `x.y.*` is declared and nothing else has changed.
    `first`: the stack has no version yet, though a run that was killed may have made it. Raises nothing that Azure or
    the declaration is the reason of."""
    try:
        async with asyncio.timeout(PATIENCE), _reading(declared) as azure:
            version = former or declared.version
            if declared.version.endswith("*"):
                version = await _number(azure, declared, former, first)
            pinned = replace(declared, version=version)
            facts = await prechecks.read(azure, pinned)
            seen = _seen(pinned, facts)
            going = retention.Going() if seen.failures else await retention.look(azure, pinned)
            warned = f"retention: nothing is deleted: {going.unknown}" if going.unknown else ""
            return replace(seen, plan="; ".join(part for part in (seen.plan, str(going)) if part), warning=warned)
    except TimeoutError:
        return Look(problem=_offline(f"no answer in {PATIENCE:g} s"), version=former)
    except (InvalidDeclaration, AzureError) as error:
        return Look(problem=_offline(error), version=former)


async def _number(azure: CaptureAzure, declared: CaptureDeclaration, former: str, first: bool) -> str:
    """The number that `x.y.*` stands for: of what a killed run has begun or made, of the last that `hostpool image
    capture` has made of this very declaration; else the former one, or the next that is free."""
    vm, known = await asyncio.gather(azure.get_vm(declared.source_vm_id), azure.list_image_versions(declared.image))
    begun = versions.begun(declared, (vm or {}).get("tags") or {})
    made = versions.made(declared, known) if former or first else ""
    return begun or max(former, made, key=versions.third) or versions.next_free(declared.version, known)


async def observe(declared: CaptureDeclaration) -> Look:
    """The version as it is, for a refresh."""
    try:
        async with asyncio.timeout(PATIENCE), _reading(declared) as azure:
            body = await azure.get_image_version(declared.version_id)
            return Look(gone=body is None, replication=_replication(Resource(body)) if body is not None else {})
    except TimeoutError:
        return Look(problem=_offline(f"no answer in {PATIENCE:g} s"))
    except (InvalidDeclaration, AzureError) as error:
        return Look(problem=_offline(error))


def _seen(declared: CaptureDeclaration, facts: prechecks.Facts) -> Look:
    record = decode(facts.vm.tags.get(names.RECORD)) if facts.vm is not None else None
    findings = list(prechecks.check(declared, facts))
    if findings and record is None:
        problems = (Problem(finding.prop, one_line(str(finding))) for finding in findings)
        return Look(version=declared.version, failures=tuple(problems))
    version = facts.version
    made = version is not None and version.ready and version.tags.get(names.ID) == declared.id
    if made and record is None and version is not None:
        goal = Goal(declared, normal_location(str(version.body.get("location"))), 0)
        plan = "" if publishes(version, goal) else f"replicate to {_regions(goal)}"
        return Look(plan, declared.version, replication=_replication(version))
    location = str(facts.definition.body.get("location")) if facts.definition is not None else ""
    scripts = f", after {', '.join(update.name for update in declared.updates)}" if declared.updates else ""
    regions = _regions(Goal(declared, normal_location(location), 0))
    begun = "go on with a capture that was interrupted: " if record is not None else ""
    plan = f"{begun}capture {declared.version} from {name_of(declared.source_vm_id)}{scripts}, replicate to {regions}"
    return Look(plan, declared.version)


def _regions(goal: Goal) -> str:
    return ", ".join(each["name"] for each in bodies.publishing(goal)["targetRegions"])


def _replication(version: Resource) -> dict[str, str]:
    summary = dig(version.properties, "replicationStatus", "summary") or ()
    return {normal_location(str(each.get("region"))): str(each.get("state")) for each in summary}


async def make(declared: CaptureDeclaration, urn: str, stop: asyncio.Event) -> dict[str, Any]:
    """Capture the declared version, or find it there; returns the outputs. Setting `stop` makes the run come to a safe
    end. Raises GoldenImageVersionFailed."""
    log = EngineLog(urn)
    try:
        return await _made(declared, log, stop)
    except (RolloutError, AzureError) as error:
        raise GoldenImageVersionFailed(str(error)) from None
    finally:
        await asyncio.to_thread(log.close)


async def _made(declared: CaptureDeclaration, log: EngineLog, stop: asyncio.Event) -> dict[str, Any]:
    clock = clock_from(os.environ)
    lease = DefinitionLease(declared.image, owner(), clock)
    folder = Path(os.environ.get(LOG_FOLDER) or DEFAULT_LOG_FOLDER)
    kept = EventLog(folder / f"{name_of(declared.image)}-{declared.version}-{declared.id}.jsonl")

    def tell(event: Event) -> None:
        kept(event)
        text = line(event)
        if event.kind is Kind.WARNING:
            log.warning(text)
        elif event.kind is Kind.ACTION and event.data.get("update"):
            log.info(text)
        elif text:
            log.status(text)

    try:
        async with open_cloud(os.environ, subscription_of(declared.image), clock, lease.check) as azure:
            done = await capture(azure, declared, clock=clock, lease=lease, tell=tell, password=_password, stop=stop)
    finally:
        kept.close()
    return outputs_of(done, str(kept.path))


def _password() -> str:
    """For a machine that nobody signs in to, and that is deleted when its test has ended."""
    return f"Aa1!{guid(real_chance())}"


def line(event: Event) -> str:
    """An event as the line beside the resource."""
    if event.kind is Kind.PHASE:
        return f"{event.data['phase']}" if event.data.get("phase") else "the golden VM is at rest"
    if event.kind is Kind.WAITING:
        return f"waits for {event.text}"
    if event.data.get("update"):
        return f"{event.text} in {event.data['seconds'] / 60:.0f} min, exit code {event.data['exit_code']}"
    return one_line(event.text)


def outputs_of(done: Captured, report: str) -> dict[str, Any]:
    """The outputs of a run. What an earlier run said of scripts and snapshots is kept where this one made nothing."""
    outputs: dict[str, Any] = {
        "status": "complete",
        "summary": done.summary,
        "version_id": done.version_id,
        "replication": dict(done.regions),
        "report": report,
        "plan": "",
    }
    if done.made:
        outputs |= {"snapshots": list(done.snapshots), "update_log": [asdict(ran) for ran in done.updates]}
    return outputs


@asynccontextmanager
async def _reading(declared: CaptureDeclaration) -> AsyncIterator[CaptureAzure]:
    """A connection that can only read."""
    async with open_cloud(os.environ, subscription_of(declared.image), clock_from(os.environ), read_only) as azure:
        yield azure


def _offline(error: Exception | str) -> str:
    return one_line(f"Azure could not be asked, so it is not known what is to be done: {error}")
