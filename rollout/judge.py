"""Whether a run may go on: failures, the canary, checkpoints, the window's end, and whether enough hosts serve when
people come."""

from __future__ import annotations

import math
from dataclasses import asdict, replace

from rollout import names, readiness, reminders
from rollout.admission import Admissions, Limits, Stage
from rollout.canary import StopAfter
from rollout.canary_watch import too_many
from rollout.decisions import APPROVAL, STOP_AFTER
from rollout.declaration import WhenClosed
from rollout.events import Kind
from rollout.observation import observe
from rollout.pool_record import RolloutRecord
from rollout.run_state import Run

BEFORE_OUT = (Stage.BUILDING, Stage.HELD, Stage.BUILT, Stage.DRAINING, Stage.EMPTY)


class Judge:
    """Pauses or stops a run. `ready_at`: when people come (epoch seconds); infinite where nobody said so."""

    def __init__(self, run: Run, ready_at: float) -> None:
        self._run, self._ready_at = run, ready_at
        self._checkpoints_passed = 0
        self._checkpoint_until = 0.0

    @property
    def waits_until(self) -> float:
        """Of the engine's clock: until then a checkpoint holds the run."""
        return self._checkpoint_until

    def failures(self) -> None:
        """Too many failures stop the rollout; checkpoints hold it for a while."""
        run, baking = self._run, not self._run.canary.passed and self._run.declaration.canary.hosts > 0
        # A host on its way back to the old disk has failed already: nobody follows it.
        failures = [run.by_name[name] for name in run.standings.failed]
        limit = run.declaration.max_failed.of(max(run.record.n, 1), at_least=0)
        why = too_many(failures, limit, baking=baking)
        if why and not run.stopping:
            if baking:
                run.say(Kind.CANARY, result="failed", hosts=[work.name for work in failures])
            run.stop(why, "the rollout was stopped")
        missing = run.canary.missing() if not run.canary.passed else None
        if missing is not None:
            run.pause(f"its canary {missing.name}, which was not updated: {missing.reason or missing.result}")
        left = run.declaration.checkpoints[self._checkpoints_passed :]
        if left and run.record.n and 100 * run.done / run.record.n >= left[0].percent:
            self._checkpoints_passed += 1
            self._checkpoint_until = run.clock.now() + left[0].pause
            run.say(Kind.CHECKPOINT, percent=left[0].percent, pause=left[0].pause)

    def slots(self, limits: Limits) -> None:
        """With all slots held by failed hosts nobody can follow in this attempt; the next one tries those again."""
        run, candidates = self._run, self._run.standings.candidates
        held, waiting = candidates.holding, candidates.count(Stage.QUEUED, *BEFORE_OUT)
        if held >= limits.max_unavailable and waiting and not candidates.count(Stage.OUT) and not run.stopping:
            run.stop(f"{held} failed host(s) hold all of max_unavailable", "the rollout was stopped")

    def window(self, limits: Limits) -> None:
        """Hosts that are out finish; whoever cannot serve again before the window closes is given back."""
        run, left, candidates = self._run, limits.left, self._run.standings.candidates
        if left.opens:
            return
        in_flight = candidates.count(Stage.DRAINING, Stage.EMPTY, Stage.OUT, Stage.BACK)
        if left.releases and (left.drains or in_flight or limits.canary_left == 0):
            return
        if run.standings.to_begin or candidates.count(Stage.QUEUED, *BEFORE_OUT):
            opens = run.window.opens(run.azure.azure_time())
            run.pause(f"the end of its maintenance window, until {opens}", goes_on=run.window.goes_on)

    def stock(self, limits: Limits, go: Admissions) -> None:
        """Ahead of a window, the run is over once the disks are ready, unless it waits for the window with them."""
        run = self._run
        ahead_of_it = limits.left.opens > 0 and run.declaration.when_closed is WhenClosed.RETURN
        if ahead_of_it and not go.build and not run.standings.candidates.count(Stage.BUILDING):
            run.paused_by = "its maintenance window"
            run.ready = True
            run.give_back("paused until the maintenance window opens")

    async def readiness(self) -> None:
        """People come now. The window has ended by then, so that nothing new begins; do enough hosts serve?"""
        run = self._run
        if run.azure.azure_time() < self._ready_at:
            return
        due, self._ready_at = self._ready_at, math.inf
        pool = await observe(run.azure, run.declaration, at=run.azure.azure_time())
        found = readiness.proof(pool, run.declaration, due)
        run.alarm = "" if found.ok else found.text
        run.tell(found.event(run.clock.now()))
        told = replace(reminders.decode(pool.tags.get(names.TOLD)), rb=int(due), rs=int(found.ok))
        await run.azure.merge_tags(pool.id, {names.TOLD: told.encode()})  # ticks go on from here

    async def canary(self) -> None:
        """The canary passes when its hosts have served for the bake time and are still healthy."""
        run, canary, standings = self._run, self._run.canary, self._run.standings
        if canary.passed or run.stopping or not canary.served(standings):
            return
        # With nobody left to follow there is nothing to wait for. Hosts that are built or drained already are still to
        # follow: in a small pool all of them are begun while the canary is out.
        if not canary.baked(run.clock.now()) and (standings.at_work or standings.to_begin):
            return
        sick = await canary.sick(run.azure, [work for work in run.works if work.updated])
        if sick:
            run.say(Kind.CANARY, result="failed", hosts=sick)
            run.stop(f"canary {', '.join(sick)} did not stay healthy", "the canary failed")
            return
        followers = standings.candidates.count(Stage.QUEUED, *BEFORE_OUT)
        if followers and canary.waits_for_approval:
            if not run.record.b:
                await self._note_canary("baked", replace(run.record, b=1))
            run.pause(APPROVAL)
            return
        if run.record.b and canary.approved is not None:
            run.say(Kind.APPROVED, f"approved by {canary.approved.told}", **asdict(canary.approved))
        await self._note_canary("passed", replace(run.record, c=1))
        canary.passed = True
        if followers and run.declaration.stop_after is StopAfter.CANARY:
            run.pause(STOP_AFTER)

    async def _note_canary(self, result: str, record: RolloutRecord) -> None:
        run = self._run
        run.record = replace(record, u=int(run.azure.azure_time()))
        hosts = [work.name for work in run.works if work.updated]
        last = run.last(f"canary {result}", ", ".join(hosts))
        await run.azure.merge_tags(run.pool.id, {names.RECORD: run.record.encode(), names.LAST: last})
        run.say(Kind.CANARY, result=result, hosts=hosts)
