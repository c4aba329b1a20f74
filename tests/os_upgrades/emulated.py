"""A scale set on the emulator and our calls on it, in one process on virtual time."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from cloud.azure_cloud import AzureCloud
from emulator.wire import Request
from os_upgrades import adoption
from os_upgrades.adoption import Plan
from os_upgrades.declaration import ScaleSetDeclaration, parse
from os_upgrades.latest_model import Brought, bring_to_latest
from os_upgrades.preview import Preview, preview
from os_upgrades.scale_set import ScaleSet
from os_upgrades.settings import Settings
from simulation.emulated_pool import as_process
from simulation.in_process import in_process_cloud
from simulation.process import Process
from simulation.virtual_time import LoopClock
from simulation.wire_log import Wire, kind_of_write
from tests.emulator.compute.sets import BALANCER, HEALTH, SET, Sets

TAGS = "avd-os-upgrade"


class Scene(Sets):
    """The set `web` of five instances, policy Manual, without a source of health, and who changes it."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.clock = LoopClock()
        self.wire = Wire()
        self.told: list[str] = []

    async def begin(self, capacity: int = 5, **options: Any) -> Scene:
        """Make the set, and go on at the emulator's time."""
        self.create(capacity, **options)
        await self.clock.sleep(self.world.now - self.clock.now())
        return self

    @asynccontextmanager
    async def cloud(self, process: Process, principal: str) -> AsyncIterator[AzureCloud]:
        async with in_process_cloud(
            self.emulator, process.clock(), process=process, wire=self.wire, principal=principal
        ) as azure:
            yield azure

    async def adopt(
        self,
        inputs: dict[str, Any],
        kept: Settings,
        process: Process | None = None,
        principal: str = "owner",
        owner: str = "a",
    ) -> Plan:
        """Bring the set to a declaration, by a process of its own. Raises Died where that is killed."""
        runner = process or Process()

        async def work() -> Plan:
            async with self.cloud(runner, principal) as azure:
                declared = declaration(inputs)

                clock = runner.clock()

                async def bring(scale_set: ScaleSet) -> None:
                    await bring_to_latest(azure, scale_set, clock, tell=self.told.append, stop=asyncio.Event())

                brings = bring if declared.update_instances else None
                return await adoption.adopt(azure, declared, kept, owner, clock, brings)

        return await as_process(runner, work())

    async def release(
        self, kept: Settings, process: Process | None = None, principal: str = "owner", owner: str = "a"
    ) -> None:
        runner = process or Process()

        async def work() -> None:
            async with self.cloud(runner, principal) as azure:
                await adoption.release(azure, SET, kept, owner, runner.clock())

        await as_process(runner, work())

    async def bring(
        self, process: Process | None = None, principal: str = "owner", stop: asyncio.Event | None = None
    ) -> Brought:
        """Bring the instances to the latest model. What is told is in `told`."""
        runner = process or Process()

        async def work() -> Brought:
            async with self.cloud(runner, principal) as azure:
                scale_set = await adoption.look(azure, SET)
                return await bring_to_latest(
                    azure, scale_set, runner.clock(), tell=self.told.append, stop=stop or asyncio.Event()
                )

        return await as_process(runner, work())

    async def preview(self, inputs: dict[str, Any], principal: str = "owner") -> Preview:
        async with self.cloud(Process(), principal) as azure:
            return await preview(azure, declaration(inputs), {}, "a")

    def plan(self, inputs: dict[str, Any], kept: Settings) -> dict[str, str]:
        """What a preview would show."""
        return adoption.plan(declaration(inputs), self.scale_set, kept, "a").described

    @property
    def scale_set(self) -> ScaleSet:
        self.world.advance(self.clock.now())
        return ScaleSet(copy.deepcopy(self.get(SET, version="2026-04-01").body))

    @property
    def declared(self) -> dict[str, Any]:
        """All that somebody may have declared of the set: its tags but ours, and its properties but what runs."""
        body = self.scale_set.body
        properties = {name: value for name, value in body["properties"].items() if name != "provisioningState"}
        tags = {name: value for name, value in body["tags"].items() if not name.startswith(TAGS)}
        return {"sku": body["sku"], "tags": tags, "properties": properties}

    def upgrade_status(self) -> str:
        """How the last rolling upgrade is; `none` where there never was one."""
        self.world.advance(self.clock.now())
        latest = self.get(f"{SET}/rollingUpgrades/latest", version="2024-07-01")
        return str(latest.body["properties"]["runningStatus"]["code"]) if latest.status == 200 else "none"

    def fault(self, rule: dict[str, Any]) -> None:
        answer = self.emulator.handle(Request("POST", "/emulator/faults", body={"seed": 1, "rules": [rule]}))
        assert answer.status == 200, answer.body

    def writes(self) -> list[str]:
        return [kind_of_write(each) for each in self.wire.exchanges if each.write]

    def balancer(self) -> None:
        """A Standard load balancer with the probe `health`."""
        probe = {"name": "health", "properties": {"protocol": "Http", "port": 80, "requestPath": "/health"}}
        front = {"name": "front", "properties": {"privateIPAllocationMethod": "Dynamic"}}
        self.made(
            BALANCER,
            {
                "location": "westeurope",
                "sku": {"name": "Standard"},
                "properties": {"probes": [probe], "frontendIPConfigurations": [front]},
            },
        )


def declaration(inputs: dict[str, Any]) -> ScaleSetDeclaration:
    return parse({"scale_set_id": SET, **inputs})


__all__ = ["HEALTH", "SET", "Scene"]
