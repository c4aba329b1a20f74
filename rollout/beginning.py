"""What a run does before it takes the lease: it looks whether there is something to do, whether it may be done, and
whether now is the time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

from rollout import hold, turns
from rollout.azure import Azure
from rollout.clock import Clock
from rollout.declaration import Declaration, WhenClosed
from rollout.errors import PreCheckFailed
from rollout.events import Kind
from rollout.image_sources import resolve
from rollout.images import Image
from rollout.lease import Lease
from rollout.need import Need, need_of
from rollout.observation import Pool, observe
from rollout.outcome import Outcome, held, nothing_to_do, queued
from rollout.prechecks import run as run_prechecks
from rollout.scheduling import Scheduling
from rollout.window_watch import WindowWatch


@dataclass(frozen=True)
class Due:
    """There is something to do now."""

    pool: Pool
    image: Image
    may_wait: bool
    """Nothing is half done."""
    stopping: str
    """Why nothing new may begin: only what is half done comes home; empty where it may."""


class Beginning:
    """Everything before the lease. `only`: the one host that is rebuilt; `stopping`: somebody ends the attempt."""

    def __init__(
        self,
        azure: Azure,
        declaration: Declaration,
        clock: Clock,
        lease: Lease,
        window: WindowWatch,
        scheduling: Scheduling,
        say: Callable[..., None],
        only: str | None,
        by_sessions: bool,
        stopping: str,
    ) -> None:
        self._azure, self._declaration, self._clock, self._lease = azure, declaration, clock, lease
        self._window, self._scheduling, self._say = window, scheduling, say
        self._only, self._by_sessions, self._stopping = only, by_sessions, stopping

    async def until_due(self) -> Due | Outcome:
        """Waits until there is something to do, or returns how a run without it has ended. Raises PreCheckFailed."""
        while True:
            pool = await observe(self._azure, self._declaration, at=self._azure.azure_time())
            image = await resolve(self._azure, self._declaration, pool.location)
            need = self.need(pool, image)
            # Of a pool without work too: one without hosts, say, is not complete.
            stopping = await self._pre_checks(need)
            if need.nothing:
                if self._only is None and not await self._scheduling.withdraw(pool, "no host needs work"):
                    continue
                return nothing_to_do(pool, image, self._declaration.protection)
            stopping = f"aborted by {need.aborted_by}" if need.aborted_by else stopping
            self._window.move(hold.moved(pool.tags, self._declaration))
            is_time = need.now(self._window, self._azure.azure_time())
            if stopping or not need.may_wait:
                return Due(pool, image, need.may_wait, stopping)
            if need.waits_for:
                return held(pool, image, need.waits_for)
            waits = self._declaration.when_closed is WhenClosed.WAIT
            queue = await self.queue() if is_time else ""
            if is_time and not queue:
                return Due(pool, image, need.may_wait, stopping)
            opening = self._window.next(self._azure.azure_time())
            if not is_time and opening is not None and not await self._scheduling.keep(pool, image, opening):
                continue  # somebody changed the schedule meanwhile
            if not waits and not is_time:
                return need.scheduled(self._window, self._azure.azure_time())
            if not waits:
                return queued(pool, image, len(need.works), queue)
            # What is done until then is somebody else's business, and the pool is read anew after.
            del need, pool
            await (self._wait_in(queue) if is_time else self._wait_for_window())

    async def _wait_for_window(self) -> None:
        # Clocks differ by parts of a second.
        await self._clock.sleep(self._window.opens_in(self._azure.azure_time()) + 1.0)

    async def _wait_in(self, queue: str) -> None:
        said = ""
        while queue:
            if queue != said:
                self._say(Kind.QUEUED, f"waits for {queue}")
            said = queue
            await self._clock.sleep(turns.LOOK_EVERY)
            queue = await self.queue()

    async def queue(self) -> str:
        """The rollouts of the subscription that go before this one, for people; empty where it is its turn. What was
        asked for by hand waits for none."""
        if self._only is not None or self._stopping:
            return ""
        most = self._declaration.max_rollouts_per_subscription
        queue, unknown = await turns.waits_for(self._azure, self._lease, most)
        if unknown and not self._lease.held:
            self._say(Kind.WARNING, unknown)
        return queue

    def need(self, pool: Pool, image: Image) -> Need:
        """What the pool asks for, as it was read."""
        return need_of(pool, image, self._declaration, self._only, by_sessions=self._by_sessions)

    async def _pre_checks(self, need: Need) -> str:
        """Why nothing new may begin, where hosts that a crash left half done are brought home whatever the pool looks
        like. Raises PreCheckFailed."""
        findings = await run_prechecks(self._azure, self._declaration, need.pool, need.image, mode="start")
        self._say(Kind.CHECKED, findings=[asdict(finding) for finding in findings], version=need.image.version)
        errors = [f"{f.subject}: {f.problem}; {f.remedy}" for f in findings if f.severity == "error"]
        if not errors or self._stopping:
            return self._stopping
        if need.half_done:
            return f"pre-checks: {errors[0]}"
        lines = "\n".join(f"  {line}" for line in errors)
        raise PreCheckFailed(f"pool {need.pool.name}: nothing was started\n{lines}")
