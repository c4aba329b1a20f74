"""A pool written down as REST bodies, and the few calls of Azure that the command makes on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import looptime

from hostpool.session import World
from rollout import names, pool_record
from rollout.azure import Azure, Body
from rollout.clock import Clock, iso
from rollout.lease import Holder
from rollout.pool_record import RolloutRecord, State
from rollout.record import HostRecord, Phase
from simulation.virtual_time import EPOCH, LoopClock
from tests.hostpool.night import IMAGE, POOL, POOL_ID, ROLLOUT, SUBSCRIPTION, VERSION_ID

GROUP = f"{SUBSCRIPTION}/resourceGroups/rg-avd"
OLD = f"{IMAGE}/versions/1.0.0"
INPUTS: dict[str, Any] = {
    "host_pool_id": POOL_ID,
    "image": IMAGE,
    "version": "1.0.1",
    "max_unavailable": 2,
    "min_serving": 2,
    "drain": {"deadline": "PT1H"},
    "exclude": ["vm-9"],
}


@dataclass
class LiteralAzure:
    """Answers from its bodies, remembers what was written, and counts the session-host lists with their times."""

    tags: dict[str, str] = field(default_factory=dict)
    vms: list[Body] = field(default_factory=list)
    disks: list[Body] = field(default_factory=list)
    session_hosts: list[Body] = field(default_factory=list)
    sessions: dict[str, list[str]] = field(default_factory=dict)
    """States of the sessions by VM name."""
    other_pools: list[Body] = field(default_factory=list)
    """Of the subscription."""
    lists: list[float] = field(default_factory=list)
    written: list[tuple[str, Any]] = field(default_factory=list)
    failures: dict[int, Exception] = field(default_factory=dict)
    """Raised in place of the n-th session-host list, from 1."""
    guard: Callable[[], None] = lambda: None
    exists: bool = True

    # -- what the pool is made of

    def add(self, name: str, *, image: str = OLD, record: HostRecord | None = None, **host: Any) -> None:
        """A host. `host`: status, allow (new sessions), sessions, registered (has a record), age (of its heartbeat)."""
        vm_id = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/{name}"
        disk_id = f"{GROUP}/providers/Microsoft.Compute/disks/{name}_os"
        tags = {names.RECORD: record.encode(), names.POOL: POOL} if record else {}
        self.vms.append(
            {
                "id": vm_id,
                "location": "westeurope",
                "tags": tags,
                "properties": {
                    "vmId": f"guid-{name}",
                    "provisioningState": "Succeeded",
                    "storageProfile": {"osDisk": {"name": f"{name}_os", "managedDisk": {"id": disk_id}}},
                },
            }
        )
        self.disks.append({"id": disk_id, "managedBy": vm_id, "tags": {names.DISK_IMAGE: image}, "properties": {}})
        if host.get("registered", True):
            self.session_hosts.append(
                {
                    "id": f"{POOL_ID}/sessionHosts/{name}.corp.example.com",
                    "properties": {
                        "resourceId": vm_id,
                        "status": host.get("status", "Available"),
                        "allowNewSession": host.get("allow", True),
                        "sessions": host.get("sessions", 0),
                        "lastHeartBeat": iso(EPOCH - host.get("age", 20)),
                    },
                }
            )

    def keep_disk(self, host: str, *, until: float, state: str = "old") -> str:
        """A detached disk of a host."""
        disk_id = f"{GROUP}/providers/Microsoft.Compute/disks/{host}_old"
        tags = {
            names.DISK_HOST: host,
            names.DISK_HOST_ID: f"guid-{host}",
            names.DISK_STATE: state,
            names.DISK_KEEP_UNTIL: iso(until),
        }
        self.disks.append({"id": disk_id, "tags": tags, "properties": {}})
        return disk_id

    # -- rollout.azure.Azure, as far as the command needs it

    def azure_time(self) -> float:
        return EPOCH + asyncio.get_running_loop().time()

    async def get_host_pool(self, host_pool_id: str) -> Body | None:
        properties = {"maxSessionLimit": 10, "hostPoolType": "Pooled"}
        return {"id": POOL_ID, "tags": dict(self.tags), "properties": properties} if self.exists else None

    async def list_session_hosts(self, host_pool_id: str) -> list[Body]:
        self.lists.append(asyncio.get_running_loop().time())
        if len(self.lists) in self.failures:
            raise self.failures[len(self.lists)]
        return self.session_hosts

    async def list_scaling_plans(self, host_pool_id: str) -> list[Body]:
        return []

    async def list_vms(self, resource_group_id: str) -> list[Body]:
        return [vm for vm in self.vms if vm["id"].startswith(resource_group_id + "/")]

    async def list_disks(self, resource_group_id: str) -> list[Body]:
        return [disk for disk in self.disks if disk["id"].startswith(resource_group_id + "/")]

    async def get_vm(self, vm_id: str, *, instance_view: bool = False) -> Body | None:
        found = next(vm for vm in self.vms if vm["id"] == vm_id)
        view = {"statuses": [{"code": "PowerState/running"}]}
        return {**found, "properties": {**found["properties"], "instanceView": view}}

    async def list_user_sessions(self, session_host_id: str) -> list[Body]:
        name = session_host_id.rsplit("/", 1)[-1].split(".")[0]
        return [{"id": f"{session_host_id}/userSessions/{i}", "properties": {"sessionState": state}}
                for i, state in enumerate(self.sessions.get(name, ()))]  # fmt: skip

    async def list_resources(self, scope: str, kind: str) -> list[Body]:
        return self.other_pools

    async def get_tags(self, scope: str) -> dict[str, str]:
        other = next((pool for pool in self.other_pools if pool["id"] == scope), None)
        return dict(self.tags if other is None else other["tags"])

    async def merge_tags(self, scope: str, tags: Mapping[str, str]) -> dict[str, str]:
        self.guard()
        self.tags.update(tags)
        self.written.append(("merge", dict(tags)))
        return dict(self.tags)

    async def delete_tags(self, scope: str, tags: Mapping[str, str]) -> None:
        self.guard()
        for name in tags:
            self.tags.pop(name, None)
        self.written.append(("delete tags", dict(tags)))

    async def get_disk(self, disk_id: str) -> Body | None:
        return next((disk for disk in self.disks if disk["id"] == disk_id), None)

    async def delete_disk(self, disk_id: str) -> None:
        self.guard()
        self.disks = [disk for disk in self.disks if disk["id"] != disk_id]
        self.written.append(("delete disk", disk_id))

    # -- as the world of a command

    def world(self, environment: Mapping[str, str] | None = None) -> World:
        """Virtual time: every command begins at EPOCH."""

        @asynccontextmanager
        async def opened(
            environment: Mapping[str, str], subscription_id: str, clock: Clock, guard: Callable[[], None]
        ) -> AsyncIterator[Azure]:
            self.guard = guard
            yield cast(Azure, self)

        given = {"HOSTPOOL_ID": POOL_ID} if environment is None else environment
        return World(given, opened, lambda _: LoopClock(), "ada@desk-7", run_virtually)


def run_virtually(work: Coroutine[Any, Any, Any]) -> Any:
    loop = looptime.new_event_loop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()


def record(phase: Phase, *, ago: float = 0.0, why: str = "") -> HostRecord:
    """A host's record, its phase entered `ago` seconds before EPOCH."""
    return HostRecord(ROLLOUT, 1, 7, phase, int(EPOCH - ago), w=why)


def in_the_middle() -> LiteralAzure:
    """A rollout at work: one host done, one of each other kind."""
    azure = LiteralAzure()
    azure.tags = {
        names.RECORD: RolloutRecord(ROLLOUT, 1, State.RUNNING, int(EPOCH - 4000), n=8, c=1).encode(),
        names.TARGET: VERSION_ID,
        names.LEASE: Holder("runner-17", 7, EPOCH + 500).encode(),
        **pool_record.declaration_tags(INPUTS),
    }
    azure.add("vm-0", image=VERSION_ID, sessions=4)
    azure.add("vm-1", record=record(Phase.DRAIN, ago=600), allow=False, sessions=2)
    azure.add("vm-2", image=VERSION_ID, record=record(Phase.REJOIN, ago=300), registered=False)
    azure.add("vm-3", record=record(Phase.BUILD, ago=90), sessions=5)
    azure.add("vm-4", record=record(Phase.ROLLED_BACK, ago=2000, why="domain join: 1355"), sessions=1)
    azure.add("vm-5", record=record(Phase.FAILED, ago=900, why="trust could not be repaired"), allow=False,
              status="Unavailable", age=5000)  # fmt: skip
    azure.add("vm-6")
    azure.add("vm-9")
    azure.sessions["vm-1"] = ["Active", "Disconnected"]
    return azure
