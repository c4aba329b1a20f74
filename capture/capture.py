"""One capture, from lease to version: look, decide, do one step, look again, until the golden VM is at rest.

Safe to be killed anywhere and called again: what was begun is carried on, or brought to its end by the next capture of
the golden VM, whatever that declares. A version that is there is not made again, and then nothing is written.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from capture import bodies, boot_test, names, retention
from capture.azure import CaptureAzure
from capture.declaration import CaptureDeclaration, Region
from capture.errors import CaptureFailed, NotUndone, StepFailed
from capture.executor import Executor, Ran
from capture.lease import DefinitionLease, require_unused
from capture.look import look
from capture.phases import done, next_step
from capture.prechecks import check, read
from capture.record import ENDING, CaptureRecord, Phase, decode
from capture.steps import Done, Enter, Fail, Goal, Memory, Resource, Step, View, Wait
from rollout.arm import dig, name_of
from rollout.clock import Clock, from_iso
from rollout.errors import AzureError, Forbidden, LeaseLost, PreCheckFailed, PreconditionFailed, Stopped
from rollout.events import Event, Kind, Listener
from rollout.images import normal_location
from rollout.lease_keeper import LeaseKeeper
from rollout.stopping import until_stopped

NEVER = "9999-12-31T00:00:00Z"
PATIENCE = 12
"""Refused or unanswered tries of one kind of step in a row, whatever else is done between them, after which it is given
up; the pauses sum up to 8 minutes."""


@dataclass(frozen=True)
class Captured:
    """What a capture came to."""

    version_id: str
    made: bool
    """False where the version was there."""
    snapshots: tuple[str, ...]
    """Names of the backups of the golden VM, kept."""
    updates: tuple[Ran, ...]
    """The scripts that this run ran; those that a killed run had run are not among them."""
    regions: Mapping[str, str]
    """Region -> Completed, Replicating, Failed."""
    seconds: float

    @property
    def summary(self) -> str:
        version = "/".join((self.version_id.split("/")[-3], name_of(self.version_id)))
        if not self.made:
            return f"{version} is there"
        return f"{version} captured in {self.seconds / 60:.0f} min, replicated to {', '.join(self.regions)}"


async def capture(
    azure: CaptureAzure,
    declared: CaptureDeclaration,
    *,
    clock: Clock,
    lease: DefinitionLease,
    tell: Listener,
    password: Callable[[], str],
    stop: asyncio.Event | None = None,
) -> Captured:
    """Make the declared version, or find it there. Once `stop` is set the run ends where it is, its lease given back.
    `password` makes one for the machine of a boot test.

    Raises PreCheckFailed (nothing was changed), CaptureFailed (the golden VM is as it was), NotUndone, LeaseHeld,
    LeaseLost, Stopped and AzureError (the next run goes on).
    """
    run = Capture(azure, declared, clock, lease, tell, password)
    if stop is None:
        return await run.run()
    outcome = await until_stopped(run.run(), stop)
    if outcome is None:
        raise Stopped(f"{run.subject}: told to stop; run pulumi up again: it goes on where this run stopped")
    return outcome


class Capture:
    """One run. `run` reads top to bottom as the run's story."""

    def __init__(
        self,
        azure: CaptureAzure,
        declared: CaptureDeclaration,
        clock: Clock,
        lease: DefinitionLease,
        tell: Listener,
        password: Callable[[], str],
    ) -> None:
        self._password = password
        self._azure, self._declared, self._clock, self._lease, self._tell = azure, declared, clock, lease, tell
        self._goal: Goal
        self._executor: Executor
        self._memory = Memory()
        self._giving_up = ""
        """Why it is to be undone, until the record says so."""
        self._failure = ""
        """Why this capture failed, once it has."""
        self._waits_for = ""
        self._snapshots: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        """`image win11 1.0.2`."""
        return f"image {name_of(self._declared.image)} {self._declared.version}"

    async def run(self) -> Captured:
        began = self._clock.now()
        facts = await read(self._azure, self._declared)
        record = decode(facts.vm.tags.get(names.RECORD)) if facts.vm is not None else None
        if record is None and self._settled(facts.version) and facts.version is not None:
            self._require_passed(facts.version)
            changed = await self._keep_up(facts.version)
            return self._captured(changed, made=False, began=began)
        findings = [str(finding) for finding in check(self._declared, facts)]
        if findings and record is None:
            raise PreCheckFailed(f"{self.subject}: nothing was captured\n" + "\n".join(f"  {f}" for f in findings))
        if facts.vm is None or facts.definition is None:
            raise PreCheckFailed(f"{self.subject}: " + "; ".join(findings))
        await require_unused(self._azure, facts.vm.tags, self._declared.image)
        await self._lease.acquire(self._azure, above=record.f if record is not None else 0)
        try:
            async with LeaseKeeper(self._azure, self._lease, self._clock, asyncio.Event()) as keeper:
                location = normal_location(str(facts.definition.body.get("location")))
                self._goal = Goal(self._declared, location, self._lease.fence)
                self._executor = Executor(self._azure, self._goal, self._clock, self._tell, self._password)
                self._say(Kind.STARTED, version=self._declared.version, resumed=record is not None)
                try:
                    version = await self._work(keeper)
                finally:
                    await self._executor.close()
        finally:
            await self._let_go()
        self._require_passed(version)
        await self._retain()
        self._say(Kind.ENDED, status="complete")
        return self._captured(version, made=True, began=began)

    def _settled(self, version: Resource | None) -> bool:
        """The version is there, and has been tested where that is declared."""
        return done(version, self._declared.id) and bool(not self._declared.boot_test or boot_test.verdict(version))

    def _require_passed(self, version: Resource) -> None:
        """Raise CaptureFailed for a version that failed its boot test."""
        said = boot_test.verdict(version)
        if self._declared.boot_test is not None and said.startswith(boot_test.FAILED):
            told = (
                f"{self.subject}: its boot test {said}; the version is excluded from latest. Mend the golden VM or the "
                "test, then declare another version"
            )
            raise CaptureFailed("\n".join((told, *self._memory.said)))

    # -- the loop

    async def _work(self, keeper: LeaseKeeper) -> Resource:
        """Until the golden VM is at rest and the version is there. Raises CaptureFailed where it is not."""
        refused: Counter[str] = Counter()
        while True:
            if keeper.lost is not None:
                raise keeper.lost
            view: View | None = None
            doing = "look"
            try:
                view = self._noted(await look(self._azure, self._goal, self._memory))
                if view.record is not None and view.record.p is Phase.TEST:  # before it nothing may wait for that
                    self._executor.hear()
                if view.record is None and self._failure:
                    raise CaptureFailed(self._failure)
                step: Step = Fail(self._giving_up) if self._giving_up else next_step(view, self._goal)
                if isinstance(step, Done):
                    assert view.version is not None
                    return view.version
                doing = type(step).__name__
                await self._do(step, view)
                del refused[doing], refused["look"]
            except PreconditionFailed:
                await self._clock.sleep(1.0)  # it may be our own write whose answer was lost: look again
            except StepFailed as failed:
                self._memory = replace(self._memory, said=self._memory.said or failed.said)
                self._giving_up = self._undoable(view, failed.reason)
            except AzureError as error:
                refused[doing] += 1
                if refused[doing] < PATIENCE and not isinstance(error, Forbidden):
                    await self._clock.sleep(min(5.0 * 2.0 ** min(refused[doing], 4), 60.0))
                    continue
                if view is None or view.record is None:
                    raise
                if view.record.p in ENDING or view.record.x:  # with a verdict only the test's machine is to go
                    raise self._not_undone(str(error)) from error
                self._giving_up = str(error)
                refused.clear()

    async def _do(self, step: Step, view: View) -> None:
        match step:
            case Wait():
                if step.reason != self._waits_for:
                    self._tell(Event(self._clock.now(), Kind.WAITING, view.vm.name, step.reason))
                self._waits_for = step.reason
                await self._clock.sleep(step.seconds)
                if view.record is not None and view.record.p is Phase.PREPARE:
                    self._memory = replace(self._memory, guest=None)  # it is asked again after the wait
            case Fail():
                await self._fail(view, step.reason)
            case _:
                self._memory = await self._executor.perform(step, view)

    def _noted(self, view: View) -> View:
        """The view with what this process knows since when."""
        record = view.record
        if record is not None:
            if record.p is not Phase.BACKUP:
                pair = ("before", "after")
                self._snapshots = tuple(names.snapshot(view.vm.name, record.b, which) for which in pair)
            if record.c == self._goal.id and record.w and not self._failure:
                self._failure = self._told(record.w)  # it failed in a run that was killed
        test_since = (self._memory.test_since or view.now) if view.test_vm is not None else None
        self._memory = replace(self._memory, test_since=test_since)
        waiting = view.clone if view.clone is not None else view.vm
        silent = waiting.running and not waiting.agent_ready
        since = (self._memory.silent_since or view.now) if silent else None
        self._memory = replace(self._memory, silent_since=since)
        return replace(view, memory=self._memory)

    # -- failures

    def _undoable(self, view: View | None, reason: str) -> str:
        """The reason, where everything can be undone. Raises CaptureFailed where nothing was begun, NotUndone where it
        is the undoing that cannot go on."""
        if view is None or view.record is None:
            raise CaptureFailed(f"{self.subject}: {reason}")
        if view.record.p in ENDING:
            raise self._not_undone(reason)
        return reason

    def _not_undone(self, reason: str) -> NotUndone:
        begun = f"{self._failure}\n" if self._failure else f"{self.subject}: "
        return NotUndone(f"{begun}not all could be brought back: {reason}\nthe next run goes on with that")

    async def _fail(self, view: View, reason: str) -> None:
        """From here on everything is undone, once the record says so."""
        record = view.record
        assert record is not None
        self._giving_up, self._failure = reason, self._told(reason)
        self._memory = await self._executor.perform(Enter(record.to(Phase.CLEAN, view.now, w=reason)), view)
        self._giving_up = ""
        self._say(Kind.WARNING, text=self._failure)

    def _told(self, reason: str) -> str:
        """The reason, then what the guest said, line by line, then where the backup is."""
        lines = [f"{self.subject}: {reason}", *self._memory.said]
        if self._snapshots:
            lines.append(f"the golden VM as it was found is in snapshot {self._snapshots[0]}")
        return "\n".join(lines)

    # -- the version

    async def _retain(self) -> None:
        """Delete what retention says, after a last look under a lease. What cannot be deleted is a warning."""
        if not await retention.look(self._azure, self._declared):
            return
        await self._lease.acquire(self._azure)
        try:
            async with LeaseKeeper(self._azure, self._lease, self._clock, asyncio.Event()):
                going = await retention.look(self._azure, self._declared)
                failed = await retention.remove(self._azure, going)
        finally:
            await self._let_go()
        self._say(Kind.ACTION, text=str(going))
        if failed:
            self._say(Kind.WARNING, text=f"{self.subject}: could not be deleted: {', '.join(failed)}")

    async def _keep_up(self, version: Resource) -> Resource:
        """Regions and the like of a version that is there, as declared. Writes only where they differ."""
        location = normal_location(str(version.body.get("location")))
        goal = Goal(self._declared, location, 0)
        if publishes(version, goal):
            await self._retain()
            return version
        await self._lease.acquire(self._azure)
        try:
            async with LeaseKeeper(self._azure, self._lease, self._clock, asyncio.Event()):
                patch = {"properties": {"publishingProfile": bodies.publishing(goal)}}
                await self._azure.update_image_version(version.id, patch)
                body = await self._azure.get_image_version(version.id)
        finally:
            await self._let_go()
        self._say(Kind.ACTION, text="brought the version's regions up to date")
        await self._retain()
        return Resource(body) if body is not None else version

    def _captured(self, version: Resource, *, made: bool, began: float) -> Captured:
        status = dig(version.properties, "replicationStatus", "summary") or ()
        regions = {normal_location(str(each.get("region"))): str(each.get("state")) for each in status}
        ran = tuple(self._executor.ran) if made else ()
        return Captured(version.id, made, self._snapshots, ran, regions, self._clock.now() - began)

    async def _let_go(self) -> None:
        try:
            await self._lease.release()
        except (AzureError, LeaseLost):
            pass  # it ends by itself

    def _say(self, kind: Kind, text: str = "", **data: Any) -> None:
        self._tell(Event(self._clock.now(), kind, name_of(self._declared.source_vm_id), text, data))


def publishes(version: Resource, goal: Goal) -> bool:
    """Whether a version's publishing profile is the declared one."""
    has, wants = dig(version.properties, "publishingProfile") or {}, bodies.publishing(goal)
    ends, shall_end = (from_iso(str(each.get("endOfLifeDate") or NEVER)) for each in (has, wants))
    same = bool(has.get("excludeFromLatest")) == wants["excludeFromLatest"] and ends == shall_end
    return same and _regions(has) == _regions(wants)


def _regions(profile: Mapping[str, Any]) -> set[Region]:
    return {
        Region(
            normal_location(str(each["name"])),
            int(each.get("regionalReplicaCount") or 1),
            str(each.get("storageAccountType") or "Standard_LRS"),
        )
        for each in profile.get("targetRegions") or ()
    }


__all__ = ["Capture", "CaptureRecord", "Captured", "capture", "publishes"]
