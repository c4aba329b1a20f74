"""A golden VM on the emulator and the capture engine on it, in one process on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from capture.capture import Captured, capture
from capture.declaration import parse
from capture.lease import DefinitionLease
from emulator import scenario, scenario_golden
from emulator.app import Emulator
from emulator.wire import Body, Request, Response
from rollout.events import Event
from simulation.emulated_pool import COMPUTE_API, DEFINITION, GROUP, as_process
from simulation.in_process import in_process_cloud, principal_named
from simulation.process import Process
from simulation.virtual_time import LoopClock
from simulation.wire_log import Wire

GOLDEN = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/{scenario_golden.NAME}"
PASSWORD = "Boot-test-Passw0rd!"
VM_API = "2024-11-01"
INPUTS: Mapping[str, Any] = {
    "source_vm_id": GOLDEN,
    "image": DEFINITION,
    "version": "1.0.2",
    "boot_test": {"enabled": False},
}


@dataclass
class GoldenVm:
    """An emulated golden VM with an image definition, and everything the engine said."""

    emulator: Emulator
    clock: LoopClock = field(default_factory=LoopClock)
    events: list[Event] = field(default_factory=list)
    wire: Wire = field(default_factory=Wire)
    definition: str = DEFINITION

    def ask(self, method: str, path: str, body: Body | None = None, api_version: str = COMPUTE_API) -> Response:
        """One ARM request as the deployer."""
        self.emulator.world.advance(self.clock.now())
        principal = principal_named(self.emulator, "deployer")
        return self.emulator.handle(Request(method, path, {"api-version": api_version}, body=body, principal=principal))

    def control(self, method: str, path: str, body: Body | None = None) -> Any:
        """One request to the control API."""
        self.emulator.world.advance(self.clock.now())
        return self.emulator.handle(Request(method, f"/emulator/{path}", body=body)).body

    def fault(self, fault: str, **more: Any) -> None:
        """A fault of each guest that boots from now on with the golden VM's name."""
        effect = {"type": "guest", "host": "golden", "fault": fault, **more}
        self.control("POST", "faults", {"seed": 1, "rules": [{"id": fault, "effect": effect}]})

    async def turn_off(self, *, deallocate: bool = True) -> None:
        """The golden VM, by somebody else."""
        answer = self.ask("POST", f"{GOLDEN}/{'deallocate' if deallocate else 'powerOff'}", None, VM_API)
        assert answer.status == 202, answer.body
        await self.clock.sleep(300)
        self.control("GET", "state")

    async def make_definition(self, *, os_state: str = "Generalized") -> None:
        self.ask("PUT", self.definition.rsplit("/images/", 1)[0], {"location": "westeurope", "properties": {}})
        await self.clock.sleep(10)
        definition = {
            "location": "westeurope",
            "properties": {
                "osType": "Windows",
                "osState": os_state,
                "hyperVGeneration": "V2",
                "identifier": {"publisher": "contoso", "offer": "avd", "sku": "win11"},
                "features": [{"name": "SecurityType", "value": "TrustedLaunchSupported"}],
            },
        }
        self.ask("PUT", self.definition, definition)
        await self.clock.sleep(10)

    async def capture(
        self,
        *,
        owner: str = "tester@machine",
        process: Process | None = None,
        principal: str = "deployer",
        halt: asyncio.Event | None = None,
        **changes: Any,
    ) -> Captured:
        """One run with `INPUTS` and what is changed in them, by a process of its own. Raises Died where it is
        killed."""
        runner = process or Process(owner)
        inputs = {
            name: value for name, value in {**INPUTS, "image": self.definition, **changes}.items() if value is not None
        }
        return await as_process(runner, self._run(runner, inputs, principal, halt))

    async def _run(
        self, process: Process, inputs: Mapping[str, Any], principal: str, stop: asyncio.Event | None
    ) -> Captured:
        clock, declared = process.clock(), parse(inputs)
        lease = DefinitionLease(declared.image, process.name, clock)
        async with in_process_cloud(
            self.emulator, clock, process=process, wire=self.wire, write_guard=lease.check, principal=principal
        ) as azure:
            return await capture(
                azure, declared, clock=clock, lease=lease, tell=self.events.append, password=lambda: PASSWORD, stop=stop
            )


async def golden_vm(*, os_state: str = "Generalized", **options: Any) -> GoldenVm:
    """A golden VM beside a small pool, and an empty image definition."""
    given = {"hosts": 1, "users": 0, "latency": False, "golden": True, **options}
    made = GoldenVm(Emulator(scenario.build("pooled", given)))
    if options.get("apart"):
        made.definition = DEFINITION.replace(GROUP, f"{GROUP}-images")
    await made.make_definition(os_state=os_state)
    return made
