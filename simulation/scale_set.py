"""A scale set on the emulator and the engine that upgrades its instances, in one process on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from emulator import scenario
from emulator.app import Emulator
from emulator.wire import Body, Request, Response
from os_upgrades.image_upgrade import Outcome, upgrade_image
from os_upgrades.upgrade_declaration import parse
from os_upgrades.upgrade_look import Seen, UpgradeAzure, look
from rollout.clock import Clock
from rollout.events import Event, Kind
from simulation.emulated_pool import GROUP, as_process
from simulation.in_process import in_process_cloud, principal_named
from simulation.process import Process
from simulation.virtual_time import LoopClock
from simulation.wire import allow
from simulation.wire_log import Wire

T = TypeVar("T")

SET = f"{GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/web"
DEFINITION = f"{GROUP}/providers/Microsoft.Compute/galleries/web/images/web"
NETWORK = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/web-vnet"
LOCATION = "westeurope"
API, NETWORK_API, GALLERY_API = "2024-11-01", "2024-05-01", "2024-03-03"
HEALTH: Body = {
    "name": "health",
    "properties": {
        "publisher": "Microsoft.ManagedServices",
        "type": "ApplicationHealthLinux",
        "typeHandlerVersion": "1.0",
        "settings": {"protocol": "http", "port": 80, "requestPath": "/health"},
    },
}
AUTOMATIC: Body = {"enableAutomaticOSUpgrade": True}


@dataclass
class EmulatedScaleSet:
    """A scale set of the gallery image `web`, and everything the engine said."""

    emulator: Emulator
    clock: LoopClock = field(default_factory=LoopClock)
    events: list[Event] = field(default_factory=list)
    wire: Wire = field(default_factory=Wire)
    os_type: str = "Linux"

    def ask(self, method: str, path: str, body: Body | None = None, api_version: str = API) -> Response:
        """One ARM request as the deployer."""
        self.emulator.world.advance(self.clock.now())
        principal = principal_named(self.emulator, "deployer")
        return self.emulator.handle(Request(method, path, {"api-version": api_version}, body=body, principal=principal))

    def control(self, method: str, path: str, body: Body | None = None) -> Any:
        """One request to the control API."""
        self.emulator.world.advance(self.clock.now())
        answer = self.emulator.handle(Request(method, f"/emulator/{path}", body=body))
        assert answer.status == 200, answer.body
        return answer.body

    def publish(self, version: str, **more: Any) -> None:
        """A version of the image, there at once."""
        self.control("POST", "image-versions", {"image": DEFINITION, "version": version, **more})

    def bad(self, version: str, fault: str = "unhealthy", **more: Any) -> None:
        """Instances of a version have a fault."""
        effect = {"type": "guest", "image": f"/versions/{version.replace('.', '[.]')}$", "fault": fault, **more}
        self.control("POST", "faults", {"seed": 1, "rules": [{"id": "bad", "effect": effect}]})

    def upgrades(self) -> list[Body]:
        """The rolling upgrades, as the emulator knows them."""
        found: list[Body] = self.control("GET", "scale-sets")["scaleSets"][SET]["upgrades"]
        return found

    def images(self) -> list[str]:
        """The version that each instance runs."""
        return [each["image"] for each in self.control("GET", "scale-sets")["scaleSets"][SET]["instances"]]

    def said(self, kind: Kind) -> list[Event]:
        return [event for event in self.events if event.kind is kind]

    def writes(self) -> list[str]:
        """`POST osRollingUpgrade` of all writes of the engine, in order."""
        return [f"{each.method} {each.path.partition('/web/')[2]}" for each in self.wire.exchanges if each.write]

    async def make(
        self, capacity: int = 5, *, automatic: Body | None = None, rolling: Body | None = None, **profile: Any
    ) -> None:
        """Network, gallery, version 1.0.0 and the set on it, provisioned and healthy."""
        self.ask("PUT", GROUP, {"location": LOCATION}, "2021-04-01")
        subnets = [{"name": "web", "properties": {"addressPrefix": "10.0.0.0/24"}}]
        space = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": subnets}
        self._put(NETWORK, {"location": LOCATION, "properties": space}, NETWORK_API)
        self._put(DEFINITION.rsplit("/images/", 1)[0], {"location": LOCATION, "properties": {}}, GALLERY_API)
        await self.clock.sleep(60)
        definition = {
            "osType": self.os_type,
            "osState": "Generalized",
            "hyperVGeneration": "V2",
            "identifier": {"publisher": "contoso", "offer": "web", "sku": "linux"},
        }
        self._put(DEFINITION, {"location": LOCATION, "properties": definition}, GALLERY_API)
        await self.clock.sleep(60)
        self.publish("1.0.0")
        self._put(SET, body(capacity, automatic, rolling, profile), API)
        await self.clock.sleep(1800)
        assert self.images() == ["1.0.0"] * capacity

    def _put(self, path: str, body: Body, api_version: str) -> None:
        answer = self.ask("PUT", path, body, api_version)
        assert answer.status in (200, 201), answer.body

    async def upgrade(
        self,
        *,
        owner: str = "tester@machine",
        process: Process | None = None,
        principal: str = "deployer",
        halt: asyncio.Event | None = None,
        **inputs: Any,
    ) -> Outcome:
        """One run of the engine by a process of its own. Raises Died where it is killed."""

        async def run(azure: UpgradeAzure, clock: Clock) -> Outcome:
            declared = parse({"scale_set_id": SET, **inputs})
            return await upgrade_image(
                azure, declared, clock=clock, listener=self.events.append, owner=owner, stop=halt
            )

        return await self.with_azure(run, process or Process(owner), principal)

    async def look(self) -> Seen:
        async def seen(azure: UpgradeAzure, clock: Clock) -> Seen:
            return await look(azure, SET)

        return await self.with_azure(seen, Process("looks"), "deployer")

    async def with_azure(
        self, work: Callable[[UpgradeAzure, Clock], Awaitable[T]], process: Process, principal: str
    ) -> T:
        """What a process does with Azure."""

        async def doing() -> T:
            clock = process.clock()
            async with in_process_cloud(
                self.emulator, clock, process=process, wire=self.wire, write_guard=allow, principal=principal
            ) as azure:
                return await work(azure, clock)

        return await as_process(process, doing())


def body(capacity: int, automatic: Body | None, rolling: Body | None, profile: Mapping[str, Any]) -> Body:
    """The PUT body of the set."""
    policy: Body = {"mode": "Manual"}
    policy |= {"automaticOSUpgradePolicy": automatic} if automatic else {}
    policy |= {"rollingUpgradePolicy": rolling} if rolling else {}
    address = {"name": "ip", "properties": {"subnet": {"id": f"{NETWORK}/subnets/web"}}}
    nic = {"name": "nic", "properties": {"primary": True, "ipConfigurations": [address]}}
    machine: Body = {
        "osProfile": {"computerNamePrefix": "web", "adminUsername": "azureuser", "adminPassword": "Secret-Pass-1"},
        "storageProfile": {
            "imageReference": {"id": DEFINITION},
            "osDisk": {"createOption": "FromImage", "managedDisk": {"storageAccountType": "Premium_LRS"}},
        },
        "networkProfile": {"networkInterfaceConfigurations": [nic]},
        "extensionProfile": {"extensions": [HEALTH]},
        **profile,
    }
    return {
        "location": LOCATION,
        "sku": {"name": "Standard_D2s_v5", "capacity": capacity},
        "properties": {"upgradePolicy": policy, "virtualMachineProfile": machine},
    }


async def emulated_scale_set(capacity: int = 5, **options: Any) -> EmulatedScaleSet:
    """The scale set `web` on version 1.0.0."""
    made = EmulatedScaleSet(Emulator(scenario.build("empty", {"latency": False})))
    await made.make(capacity, **options)
    return made
