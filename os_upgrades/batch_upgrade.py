"""Watches Azure bring the nodes of a Batch pool to the latest image. Batch has no call that starts, tells or cancels
such an upgrade, and keeps no history: all there is are the nodes' states and images, and what a run sees of them.

Source: learn.microsoft.com/azure/batch/batch-upgrade-policy. When Azure has given up is not told either: nodes are
left, none is being upgraded, and none runs a task that it waits for, for QUIET seconds (a choice of ours).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from os_upgrades.batch_azure import BatchAzure
from os_upgrades.batch_look import PoolSeen, look
from os_upgrades.batch_pool import EXAMPLE_ID, POOL
from os_upgrades.upgrade_declaration import check_image, declared_image, declared_version, times
from os_upgrades.upgrade_events import Told
from rollout.azure import Azure
from rollout.clock import Clock
from rollout.errors import AzureError, Forbidden, InvalidDeclaration, RolloutError
from rollout.events import Kind, Listener
from rollout.images import LATEST
from rollout.values import resource_id

POLL = 30.0
"""Seconds between two looks."""
QUIET = 5400.0
LOST_LOOKS = 20


class NodesFailed(RolloutError):
    """Azure has not brought all nodes to the image. The text says which, and what to do."""


class NodesLeft(RolloutError):
    """Nobody watches the nodes any longer: the run was told to stop, or its time was over."""


@dataclass(frozen=True)
class NodesDeclaration:
    """The nodes of a pool on the latest image."""

    pool_id: str
    version: str
    """`latest`, or the number that `latest` must stand for in the region."""
    begin_within: float
    """Seconds that Azure has to begin."""
    limit: float
    """Seconds that a run watches."""
    image: str = ""
    """The image that the pool must follow; empty for any."""

    @property
    def name(self) -> str:
        return self.pool_id.rsplit("/", 1)[-1]


def parse(given: Mapping[str, Any]) -> NodesDeclaration:
    """The declaration of plain inputs. Raises InvalidDeclaration."""
    return NodesDeclaration(
        resource_id("pool_id", str(given["pool_id"]), "Batch pool", POOL, EXAMPLE_ID).strip().rstrip("/"),
        declared_version(given.get("version")),
        *times(given),
        declared_image(given.get("image")),
    )


def check(seen: PoolSeen, declared: NodesDeclaration) -> None:
    """Raises InvalidDeclaration where the nodes cannot come to what is declared."""
    check_image(declared.image, seen.image, "the pool", declared.name)
    if declared.version not in (LATEST, seen.latest):
        raise InvalidDeclaration(
            "version",
            declared.version,
            f"is not what latest stands for, {seen.latest}: Azure rolls out nothing else",
            "publish it in the pool's region under a higher number, exclude newer ones from latest, or write latest",
        )
    if seen.behind and not seen.pool.automatic_os_upgrade:
        raise InvalidDeclaration(
            "pool_id",
            seen.pool.name,
            f"has {len(seen.behind)} nodes on another version, and no automatic OS upgrades that would bring them to "
            f"{seen.latest}",
            "enable them (BatchPoolUpgradePolicy), or remove the nodes (az batch pool resize): new ones run latest",
        )


async def watch_nodes(
    batch: BatchAzure,
    azure: Azure,
    declared: NodesDeclaration,
    *,
    clock: Clock,
    listener: Listener,
    owner: str,
    stop: asyncio.Event | None = None,
) -> PoolSeen:
    """Watch until all nodes run the latest image; returns the last look. Raises InvalidDeclaration, NodesFailed,
    NodesLeft, AzureError."""
    first = await look(batch, azure, declared.pool_id)
    check(first, declared)
    if not first.behind:
        return first
    told = Told(listener, clock.now, first.latest)
    resumed = any(member.state == "Updating" for member in first.members)
    told.start("Batch pool", first.pool.id, first.image.id, first.behind, owner, resumed=resumed)
    told.show(first.members, 0)
    watch = _Watch(batch, azure, declared, clock, told, stop or asyncio.Event(), first, clock.now())
    try:
        await watch.whole()
    except (RolloutError, AzureError) as error:
        watch.close("running" if isinstance(error, NodesLeft) else "stopped", str(error))
        raise
    watch.close("complete", f"pool {declared.name}: all nodes run {first.latest}")
    return watch.seen


@dataclass
class _Watch:
    batch: BatchAzure
    azure: Azure
    declared: NodesDeclaration
    clock: Clock
    told: Told
    stop: asyncio.Event
    seen: PoolSeen
    began: float
    moved_at: float = 0.0
    begun: bool = False

    async def whole(self) -> None:
        self.moved_at = self.began
        self.begun = self.told_of_work()
        if not self.begun:
            text = (
                f"Azure begins by itself to bring the nodes to {self.seen.latest}; nodes that run tasks are waited for"
            )
            self.told.tell(Kind.QUEUED, text if self.seen.pool.defers else text.partition(";")[0])
        while self.seen.unfinished:
            await self._pause()
            await self._look()
            self._judge()

    def told_of_work(self) -> bool:
        return any(member.state == "Updating" for member in self.seen.members)

    async def _look(self) -> None:
        before = self._marks()
        for attempt in range(LOST_LOOKS):
            try:
                self.seen = await look(self.batch, self.azure, self.declared.pool_id, goal=self.seen.image)
                break
            except Forbidden:
                raise
            except AzureError as error:
                if attempt == LOST_LOOKS - 1:
                    raise
                self.told.tell(Kind.WAITING, f"Azure to answer: {error}")
                await self._pause()
        self.told.show(self.seen.members, 0)
        if self._marks() != before:
            self.moved_at, self.begun = self.clock.now(), True

    def _marks(self) -> list[tuple[str, str, str]]:
        """What moves while nodes are upgraded."""
        return sorted((member.id, member.version, member.state) for member in self.seen.members)

    def _judge(self) -> None:
        """Raises NodesFailed where Azure has given up, or has not begun in time."""
        quiet, busy = self.clock.now() - self.moved_at, self.seen.progress.waits_for
        if not self.seen.unfinished or self.told_of_work() or (busy and self.seen.pool.defers):
            return
        if not self.begun and self.clock.now() - self.began >= self.declared.begin_within:
            hours = self.declared.begin_within / 3600
            raise NodesFailed(
                f"pool {self.declared.name}: Azure has not begun to bring nodes to {self.seen.latest} in {hours:g} h; "
                "look at the upgrade policy (BatchPoolUpgradePolicy shows what breaks its rules) and at its nodes"
            )
        if self.begun and quiet >= QUIET:
            raise NodesFailed(self._given_up())

    def _given_up(self) -> str:
        count, left = len(self.seen.members), self.seen.behind
        back = [member.id for member in left if self.told.failed.get(member.id) == "rolled-back"]
        broken = [f"{node.id}: {node.error or node.state}" for node in self.seen.progress.broken]
        parts = [f"{count - len(left)} of {count} nodes run {self.seen.latest}"]
        parts += [f"{len(back)} came back on their former disk ({', '.join(back)})"] if back else []
        parts += [f"broken: {'; '.join(broken)}"] if broken else []
        return (
            f"pool {self.declared.name}: Azure brings no more nodes to {self.seen.latest}: {', '.join(parts)}. To do: "
            "look at these nodes' start task and events; exclude the version from latest, mend it, publish a new one"
        )

    async def _pause(self) -> None:
        """Wait, unless somebody says stop or the time is over. Raises NodesLeft then."""
        waits = [asyncio.ensure_future(self.clock.sleep(POLL)), asyncio.ensure_future(self.stop.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        hours = self.declared.limit / 3600
        why = "stopped" if self.stop.is_set() else f"not ended in {hours:g} h, the declared limit"
        if self.stop.is_set() or self.clock.now() - self.began >= self.declared.limit:
            progress = self.seen.progress
            raise NodesLeft(
                f"pool {self.declared.name}: {why}: {progress}; Azure goes on, and the next pulumi up watches it again"
            )

    def close(self, status: str, text: str) -> None:
        versions: dict[str, list[str]] = {}
        for member in self.seen.members:
            versions.setdefault(member.version, []).append(member.name)
        self.told.close(status, text, versions, self.clock.now() - self.began)
