"""Brings the instances of a scale set to the latest image, by Azure's own rolling upgrade: it is begun where Azure does
not begin it by itself, joined where it runs, and watched to its end.

Nothing is remembered between runs: what Azure says of the rolling upgrade and of each instance is all there is. A run
that is killed, or told to stop, leaves the upgrade as it is; the next one joins it. To begin one twice does no harm:
Azure refuses the second (recording compute-vmss-rolling-upgrade-api has two accepted in a row, which made one).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum

from os_upgrades.progress import COMPLETED, Problem, Upgrade
from os_upgrades.remedies import told as remedied
from os_upgrades.upgrade_declaration import ImageUpgradeDeclaration, Start, Stopped, check_image
from os_upgrades.upgrade_events import Told, failures
from os_upgrades.upgrade_look import Seen, UpgradeAzure, list_members, look, read_upgrade
from rollout.clock import Clock, iso
from rollout.errors import AzureError, Conflict, Forbidden, InvalidDeclaration, RolloutError
from rollout.events import Kind, Listener
from rollout.images import LATEST

POLL = 15.0
"""Seconds between two looks at the upgrade; the instances are listed when it has moved, and every MEMBERS seconds."""
MEMBERS = 60.0
APPEARS = 600.0
"""Seconds that Azure has to show an upgrade whose start it has accepted."""
QUIET = 600.0
"""Seconds without any progress after which a deferred upgrade counts as waiting for approval, beside the declared pause
between two batches. Azure does not say that it waits."""
CANCELS_WITHIN = 1800.0
"""Seconds that a batch in work may take to end after a cancel."""
BUSY_TRIES = 20
"""Times that a start is sent again while something else is being written to the scale set."""
LOST_LOOKS = 20
"""Looks in a row that may fail before the watch is given up; the connection has tried each several times."""
NO_RESTORE = (
    "this upgrade is begun by hand: Azure restores no OS disk of an instance that does not become healthy, as it does "
    "for those that it begins by itself"
)


class UpgradeFailed(RolloutError):
    """The upgrade ended without having brought the instances to the image, or could not be begun. The text says why,
    and what to do."""


class UpgradeLeft(RolloutError):
    """Nobody watches the upgrade any longer: the run was told to stop, or its time was over."""


class Step(StrEnum):
    """What comes next."""

    DONE = "done"
    FOLLOW = "follow"
    """An upgrade is under way."""
    START = "start"
    WAIT = "wait"
    """For Azure to begin, or to show what was begun."""


@dataclass
class Past:
    """What the run knows that Azure does not say."""

    began: float
    before: Upgrade | None
    """The last upgrade when the run began."""
    asked_at: float | None = None
    """When a start was accepted."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended that has not failed."""

    status: str
    """`complete`; `complete_with_failures` where instances are left; `waiting` where approvals are."""
    summary: str
    seen: Seen
    upgrade: Upgrade | None
    """The upgrade that was watched, or the last one."""
    waits_for: str = ""


def check(seen: Seen, declared: ImageUpgradeDeclaration) -> None:
    """Raises InvalidDeclaration where the scale set cannot be brought to what is declared."""
    check_image(declared.image, seen.image, "the scale set's model", declared.name)
    if declared.version not in (LATEST, seen.latest):
        raise InvalidDeclaration(
            "version",
            declared.version,
            f"is not what latest stands for in {seen.scale_set.location}, {seen.latest}: Azure rolls out nothing else",
            "publish it there under a higher number, exclude newer ones from latest, or write latest",
        )
    if declared.start is Start.NEVER and seen.behind and not (seen.running or seen.scale_set.automatic_os_upgrade):
        raise InvalidDeclaration(
            "start",
            declared.start.value,
            "waits for an upgrade that nobody begins: the scale set has no automatic OS upgrades",
            "write start: auto, or enable them (ScaleSetUpgradePolicy: automatic_os_upgrade_policy)",
        )
    unknown = [each for each in declared.approve if each not in {member.id for member in seen.members}]
    if not isinstance(declared.approve, str) and unknown:
        ids = ", ".join(member.id for member in seen.members)
        raise InvalidDeclaration(
            "approve", list(declared.approve), f"names no instance {unknown[0]}", f"there are {ids}"
        )


def by_hand(seen: Seen, declared: ImageUpgradeDeclaration) -> bool:
    """Whether a run begins the upgrade itself."""
    if declared.start is Start.AUTO:
        return not seen.scale_set.automatic_os_upgrade
    return declared.start is Start.NOW


def decide(seen: Seen, declared: ImageUpgradeDeclaration, past: Past) -> Step:
    """What comes next. Raises UpgradeFailed where nothing does."""
    if seen.running:
        return Step.FOLLOW
    if not seen.behind:
        return Step.DONE
    last = seen.upgrade
    ended = last if last is not None and not last.same(past.before) else None
    if ended is not None and ended.code != COMPLETED:
        raise UpgradeFailed(why_failed(seen, ended))
    if ended is not None and (past.asked_at is not None or ended.version == seen.latest):
        return Step.DONE  # Azure has left some out
    if past.asked_at is not None:
        if seen.at - past.asked_at < APPEARS:
            return Step.WAIT
        raise UpgradeFailed(
            f"Azure has accepted the start, but has begun nothing in {APPEARS / 60:.0f} minutes; {_LOOK}"
        )
    if by_hand(seen, declared):
        return Step.START
    tried = next((entry for entry in seen.history if entry.version == seen.latest), None)
    if tried is not None and tried.code != COMPLETED:
        again = "then write start: now, or publish a newer version for Azure to roll out"
        raise UpgradeFailed(f"{why_failed(seen, tried)}. It was the last that Azure has begun; mend it, {again}")
    if seen.at - past.began < declared.begin_within:
        return Step.WAIT
    raise UpgradeFailed(
        f"Azure has not begun to roll out {seen.latest} in {declared.begin_within / 3600:g} h; a maintenance "
        f"configuration, an unhealthy instance or a disabled policy may hold it back. {_LOOK}, or write start: now"
    )


_LOOK = "look at the activity log of the scale set"


def why_failed(seen: Seen, upgrade: Upgrade) -> str:
    """An upgrade that ended without success, in one line: code, meaning, remedy, and each failed instance."""
    to = upgrade.version or seen.latest
    when = f" at {iso(upgrade.ended or upgrade.began or seen.at)}"
    counts = f"{upgrade.counts.successful} upgraded, {upgrade.counts.failed} failed"
    if upgrade.restored or upgrade.not_restored:
        counts += f", {upgrade.restored} restored" + (f", {upgrade.not_restored} not" if upgrade.not_restored else "")
    if upgrade.problem is not None:
        what = f"was stopped{when}: {remedied(upgrade.problem)}"
    elif upgrade.last_action == "Cancel" or upgrade.code == "Cancelled":
        what = f"was cancelled{when}. To do: run again, which begins a new one for the instances that are left"
    else:
        what = f"ended as {upgrade.code}{when}, and Azure does not say why. To do: {_LOOK}"
    failed = "; ".join(f"{name}: {why}" for name, why in failures(seen).items())
    return f"the upgrade to {to} {what}. {counts}{f'. Failed instances: {failed}' if failed else ''}"


async def upgrade_image(
    azure: UpgradeAzure,
    declared: ImageUpgradeDeclaration,
    *,
    clock: Clock,
    listener: Listener,
    owner: str,
    stop: asyncio.Event | None = None,
) -> Outcome:
    """Begin, join or wait for the upgrade, and watch it. Raises InvalidDeclaration, UpgradeFailed, UpgradeLeft,
    AzureError."""
    first = await look(azure, declared.scale_set_id)
    check(first, declared)
    told = Told(listener, clock.now, first.latest)
    run = _Run(azure, declared, clock, told, stop or asyncio.Event(), first)
    if first.behind:
        told.start("scale set", first.scale_set.id, first.image.id, first.behind, owner, resumed=first.running)
        told.show(first.members, first.floor)
    try:
        outcome = await run.whole()
    except (RolloutError, AzureError) as error:
        if first.behind:
            status = "running" if isinstance(error, UpgradeLeft) else "stopped"
            run.end(status, str(error))
        raise
    if first.behind:
        run.end(outcome.status, outcome.summary)
    return outcome


@dataclass
class _Run:
    azure: UpgradeAzure
    declared: ImageUpgradeDeclaration
    clock: Clock
    told: Told
    stop: asyncio.Event
    seen: Seen
    past: Past = field(init=False)
    approved_at: dict[str, float] = field(default_factory=dict)
    moved_at: float = 0.0
    waits_for: str = ""

    def __post_init__(self) -> None:
        at, last = self.seen.at, self.seen.upgrade
        self.past = Past(at, last if last is not None and not last.running else None)
        self.until = self.clock.now() + self.declared.limit
        self.moved_at = self.clock.now()

    async def whole(self) -> Outcome:
        said = False
        while True:
            match decide(self.seen, self.declared, self.past):
                case Step.DONE:
                    return self._outcome()
                case Step.FOLLOW:
                    await self._follow()
                    if self.waits_for:
                        return self._waiting()
                case Step.START:
                    await self._start()
                case Step.WAIT:
                    if self.past.asked_at is None and not said:
                        said = True
                        self.told.tell(Kind.QUEUED, f"Azure begins by itself to roll out {self.seen.latest}: {_SOON}")
                    await self._pause(POLL if self.past.asked_at is not None else MEMBERS)
                    await self._look()

    # -- what changes something in Azure

    async def _start(self) -> None:
        self.told.tell(Kind.WARNING, NO_RESTORE)
        for attempt in range(BUSY_TRIES):
            try:
                await self.azure.start_os_upgrade(self.declared.scale_set_id)
                self.past.asked_at = self.azure.azure_time()
                break
            except Conflict as error:
                # Somebody, or an earlier run of ours, may have begun one; or the scale set is being written.
                await self._look()
                if self.seen.running:
                    return
                if error.code != "Conflict" or attempt == BUSY_TRIES - 1:
                    raise UpgradeFailed(f"the upgrade could not be begun: {_remedied(error)}") from error
                self.told.tell(Kind.WAITING, "something else is being written to the scale set")
                await self._pause(POLL)
        self.told.tell(Kind.ACTION, f"began to roll out {self.seen.latest}", seconds=0.0)
        await self._look()

    async def _approve(self) -> None:
        """Approve what is declared, again where nothing came of it for a while: an answer may have been lost."""
        now, upgrade = self.clock.now(), self.seen.upgrade
        stuck = upgrade is not None and not upgrade.counts.in_progress and now - self.moved_at >= QUIET
        due = [
            member.id
            for member in self.seen.behind
            if self.declared.approves(member.id)
            and (
                member.id not in self.approved_at
                or (stuck and now - self.approved_at[member.id] >= QUIET + self.seen.pause)
            )
        ]
        if not due:
            return
        await self.azure.approve_rolling_upgrade(self.declared.scale_set_id, due)
        self.approved_at |= dict.fromkeys(due, now)
        self.told.tell(Kind.ACTION, f"approved the upgrade of {', '.join(due)}", seconds=0.0)

    async def _cancel(self) -> None:
        await self.azure.cancel_rolling_upgrade(self.declared.scale_set_id)
        until = self.clock.now() + CANCELS_WITHIN
        while self.seen.running and self.clock.now() < until:
            await self.clock.sleep(POLL)
            await self._look()

    # -- watching

    async def _follow(self) -> None:
        """Until the upgrade has ended, or waits for approvals that are not declared."""
        listed_at, lost = float("-inf"), 0
        while self.seen.running:
            if self.seen.deferred:
                await self._approve()
                if self._quiet():
                    return
            await self._pause(POLL)
            try:
                listed_at = await self._look_again(listed_at)
                lost = 0
            except Forbidden:
                raise
            except AzureError as error:
                lost += 1
                if lost >= LOST_LOOKS:
                    raise
                self.told.tell(Kind.WAITING, f"Azure to answer: {error}")
        await self._look()

    async def _look_again(self, listed_at: float) -> float:
        """Read how far the upgrade is, and list the instances where that is due; returns when they were listed."""
        upgrade, history = await read_upgrade(self.azure, self.declared.scale_set_id)
        before, now = self.seen.upgrade, self.clock.now()
        moved = before is None or upgrade is None or upgrade.counts != before.counts or upgrade.code != before.code
        if moved:
            self.moved_at = now
        members = self.seen.members
        if moved or now - listed_at >= MEMBERS:
            members, listed_at = await list_members(self.azure, self.declared.scale_set_id), now
            self.told.show(members, self.seen.floor)
        scale_set, image = self.seen.scale_set, self.seen.image
        self.seen = Seen(scale_set, image, members, upgrade, history, self.azure.azure_time())
        return listed_at

    async def _look(self) -> None:
        """All of it anew, but for what the instances are brought to: a version that appears meanwhile is for another
        upgrade."""
        self.seen = await look(self.azure, self.declared.scale_set_id, goal=self.seen.image)
        self.told.show(self.seen.members, self.seen.floor)

    def _quiet(self) -> bool:
        """Whether nothing but approvals is waited for; then what they are."""
        upgrade = self.seen.upgrade
        if upgrade is None or upgrade.counts.in_progress or self.clock.now() - self.moved_at < QUIET + self.seen.pause:
            return False
        missing = [member for member in self.seen.behind if not self.declared.approves(member.id)]
        if not missing or len(missing) < len(self.seen.behind):
            return False
        names = ", ".join(member.name for member in missing)
        self.waits_for = f"approval of the upgrade of {names}: hostpool upgrade approve, or declare approve: all"
        return True

    async def _pause(self, seconds: float) -> None:
        """Wait, unless somebody says stop or the time is over. Raises UpgradeLeft then."""
        if not self.stop.is_set():
            waits = [asyncio.ensure_future(self.clock.sleep(seconds)), asyncio.ensure_future(self.stop.wait())]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
        if self.stop.is_set():
            await self._leave("stopped")
        if self.clock.now() >= self.until:
            await self._leave(f"not ended in {self.declared.limit / 3600:g} h, the declared limit")

    async def _leave(self, why: str) -> None:
        await self._look()
        if not self.seen.running:
            if self.stop.is_set() or self.seen.behind:
                raise UpgradeLeft(f"{why}: no upgrade to {self.seen.latest} is under way; the next pulumi up goes on")
            return
        if self.declared.when_stopped is Stopped.CANCEL:
            await self._cancel()
            left = f"{len(self.seen.behind)} of {len(self.seen.members)} instances are left"
            raise UpgradeLeft(f"{why}: the upgrade to {self.seen.latest} was cancelled, as declared; {left}")
        raise UpgradeLeft(
            f"{why}: the upgrade to {self.seen.latest} goes on in Azure; the next pulumi up watches it again, and "
            "hostpool upgrade cancel ends it"
        )

    # -- the end

    def _outcome(self) -> Outcome:
        seen, last = self.seen, self.seen.upgrade
        names, count = [member.name for member in seen.behind], len(seen.members)
        if not names:
            return Outcome(
                "complete", f"scale set {self.declared.name}: {count} of {count} run {seen.latest}", seen, last
            )
        protected = sorted(member.name for member in seen.behind if member.protected)
        why = f"; protected from it: {', '.join(protected)}" if protected else ""
        summary = (
            f"scale set {self.declared.name}: {count - len(names)} of {count} run {seen.latest}; Azure has left out "
            f"{', '.join(names)}{why}"
        )
        return Outcome("complete_with_failures", summary, seen, last)

    def _waiting(self) -> Outcome:
        done = len(self.seen.members) - len(self.seen.behind)
        summary = (
            f"scale set {self.declared.name}: {done} of {len(self.seen.members)} run {self.seen.latest}; it waits for "
            f"{self.waits_for}"
        )
        return Outcome("waiting", summary, self.seen, self.seen.upgrade, self.waits_for)

    def end(self, status: str, text: str) -> None:
        """Tell how it ended."""
        self.told.end(self.seen.members, self.seen.upgrade)
        began = self.until - self.declared.limit
        self.told.close(status, text, self.seen.versions, self.clock.now() - began)


_SOON = "30 to 60 minutes after a version is there, up to 3 hours for the first one, or in its maintenance window"


def _remedied(error: AzureError) -> str:
    return remedied(Problem(error.code, error.message))
