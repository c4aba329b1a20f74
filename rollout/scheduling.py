"""What a run writes of its schedule: it holds the pool while its window is closed, and lets go of it when it begins or
ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rollout import hold, names, schedule
from rollout.azure import Azure
from rollout.declaration import Declaration, WhenClosed
from rollout.events import Kind
from rollout.hold import Hold
from rollout.images import LATEST, Image, short
from rollout.lease import Lease
from rollout.observation import Pool
from rollout.plan import wanted_id
from rollout.pool_record import RolloutRecord
from rollout.window import Opening

Say = Callable[..., None]
"""`say(kind, text, **data)`."""


@dataclass(frozen=True)
class Scheduling:
    """The schedule of one run. `inputs`: the declared ones; `by`: who runs it."""

    azure: Azure
    declaration: Declaration
    inputs: Mapping[str, Any]
    lease: Lease
    say: Say

    async def keep(self, pool: Pool, image: Image, opening: Opening) -> bool:
        """Hold the pool until an opening; nothing is written where that is so already. False where somebody changed the
        schedule meanwhile: then look again. Raises LeaseHeld, PreCheckFailed."""
        held, moved, now = hold.of(pool.tags), hold.moved(pool.tags, self.declaration), self.azure.azure_time()
        wanted = Hold(
            r=wanted_id(image, self.declaration),
            at=int(opening.start),
            s=int(now),
            to=image.version,
            by=self.lease.owner,
            w=int(self.declaration.when_closed is WhenClosed.WAIT),
        )
        if held is not None and moved == int(opening.start):
            wanted = replace(wanted, s=held.s, by=held.by, m=1)
        inputs = _as_json(self.inputs)
        if str(inputs["version"]).lower() == LATEST:
            inputs["version"] = short(image.id)
        if held is not None and _same(held, wanted) and hold.inputs_of(pool.tags) == inputs:
            return True
        if not await self._written(pool, hold.tags_of(wanted, inputs, pool.tags)):
            return False
        text = f"{wanted.to} is scheduled for {schedule.told(self.declaration, wanted.at)}"
        if held is not None and held.r != wanted.r:
            text += f"; it replaces {held.to}, scheduled by {held.by} for {schedule.told(self.declaration, held.at)}"
        self.say(Kind.SCHEDULED, text, **hold.about(wanted, pool.tags), owner=wanted.by, at=wanted.at)
        return True

    async def withdraw(self, pool: Pool, why: str) -> bool:
        """Nothing holds the pool any more. False where somebody changed the schedule meanwhile. Raises LeaseHeld."""
        held = hold.of(pool.tags)
        if held is None:
            return True
        if not await self._written(pool, hold.ended(pool.tags)):
            return False
        text = f"{held.to}, scheduled by {held.by}, is withdrawn: {why}"
        self.say(Kind.SCHEDULE_CHANGED, text, what="withdrawn", **hold.about(held, pool.tags), owner=self.lease.owner)
        return True

    def begun(self, tags: Mapping[str, str], record: RolloutRecord, image: Image, now: float) -> dict[str, str]:
        """The tags to write as the rollout begins, together with its record and its declaration: nothing holds the pool
        any more. Only a beginning that a person moved stays noted until its window ends, for a run after a crash."""
        held, moved = hold.of(tags), hold.moved(tags, self.declaration)
        opening = next(schedule.openings(self.declaration, now, moved))
        if held is not None and held.r != record.r:
            text = f"{image.version} begins in place of {held.to}, scheduled by {held.by}"
            begins = {"rollout": record.r, "attempt": record.a, "version": image.version}
            self.say(Kind.SCHEDULE_CHANGED, text, what="replaced", **begins, owner=self.lease.owner)
        ended = hold.ended(tags)
        if held is not None and moved is not None and opening.start == moved:
            ended[names.SCHEDULE] = replace(held, r=record.r, to=image.version).encode()
        return ended

    def over(
        self, tags: Mapping[str, str], record: RolloutRecord, image: Image, goes_on: Opening | None
    ) -> dict[str, str]:
        """The tags to write as a run ends: it goes on in an opening, or only when somebody says so, or not at all."""
        if goes_on is not None:
            now, held = int(self.azure.azure_time()), hold.of(tags)
            goes = Hold(record.r, int(goes_on.start), now, image.version, self.lease.owner)
            if held is not None and hold.moved(tags, self.declaration) == goes.at:
                goes = replace(held, r=record.r, to=image.version)
            return hold.ended(tags) | {names.SCHEDULE: goes.encode()}
        return {} if record.resumable else hold.ended(tags)

    async def sweep(self, tags: Mapping[str, str]) -> None:
        """Delete the tags that mean nothing any more."""
        dead = hold.leftovers(tags)
        if dead:
            await self.azure.delete_tags(self.declaration.host_pool_id, dead)

    async def _written(self, pool: Pool, tags: Mapping[str, str]) -> bool:
        """Write under a lease of its own, unless the schedule is another one by then."""
        await self.lease.acquire(self.azure)
        try:
            there = await self.azure.get_tags(pool.id)
            if any(there.get(name) != pool.tags.get(name) for name in (names.SCHEDULE, names.RECORD)):
                return False
            await self.sweep(await self.azure.merge_tags(pool.id, tags))
            return True
        finally:
            await self.lease.release()


def _same(held: Hold, wanted: Hold) -> bool:
    return (held.r, held.at, held.m, held.w) == (wanted.r, wanted.at, wanted.m, wanted.w)


def _as_json(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs as they come back from tags."""
    result: dict[str, Any] = json.loads(json.dumps(dict(inputs)))
    return result
