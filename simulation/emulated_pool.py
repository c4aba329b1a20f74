"""A pool on the emulator and the engine on it, in one process on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from emulator import scenario
from emulator.app import Emulator
from emulator.wire import Body, Request, Response
from rollout.admission import Order
from rollout.declaration import Declaration, parse
from rollout.events import Event
from rollout.lease import Lease
from rollout.notices import Notice, Notices, Teller
from rollout.rollout import Outcome, run
from rollout.tick import Ticked, tick
from simulation.in_process import in_process_cloud, principal_named
from simulation.process import Died, Process
from simulation.virtual_time import LoopClock
from simulation.wire_log import Wire

T = TypeVar("T")

SUBSCRIPTION = "/subscriptions/11111111-1111-1111-1111-111111111111"
GROUP = f"{SUBSCRIPTION}/resourceGroups/avd"
POOL = f"{GROUP}/providers/Microsoft.DesktopVirtualization/hostPools/hp1"
DEFINITION = f"{GROUP}/providers/Microsoft.Compute/galleries/avd/images/win11"
COMPUTE_API = "2024-03-03"

INPUTS: dict[str, Any] = {
    "host_pool_id": POOL,
    "image": DEFINITION,
    "version": "1.0.1",
    "max_unavailable": 3.0,
    "max_rollouts_per_subscription": 0.0,
    "drain": {"deadline": "PT30M", "log_off": "force", "grace": "PT5M", "allow_data_loss": True},
    "join": {
        "type": "ad",
        "domain": "contoso.com",
        "ou_path": "OU=AVD,DC=contoso,DC=com",
        "user": "joiner@contoso.com",
        "password_secret": "https://localhost/keyvault/avd-kv/secrets/domain-join-password",
    },
    "local_admin": {
        "username_secret": "https://localhost/keyvault/avd-kv/secrets/local-admin-name",
        "password_secret": "https://localhost/keyvault/avd-kv/secrets/local-admin-password",
    },
}


@dataclass
class EmulatedPool:
    """An emulated pool with its gallery, and everything the engine said. `hosts` and `images` are resource groups."""

    emulator: Emulator
    clock: LoopClock
    folder: Path
    events: list[Event] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    """What the ticks would have told people."""
    wire: Wire = field(default_factory=Wire)
    hosts: str = GROUP
    images: str = GROUP

    @property
    def definition(self) -> str:
        return DEFINITION.replace(GROUP, self.images)

    def ask(self, method: str, path: str, body: Body | None = None, api_version: str = COMPUTE_API) -> Response:
        """One ARM request as the deployer."""
        self.emulator.world.advance(self.clock.now())
        principal = principal_named(self.emulator, "deployer")
        return self.emulator.handle(Request(method, path, {"api-version": api_version}, body=body, principal=principal))

    def control(self, method: str, path: str, body: Body | None = None, **query: str) -> Any:
        """One request to the control API."""
        self.emulator.world.advance(self.clock.now())
        return self.emulator.handle(
            Request(method, f"/emulator/{path}", {k.lower(): v for k, v in query.items()}, body=body)
        ).body

    def vm(self, name: str) -> Body:
        """A VM's body."""
        return dict(
            self.ask("GET", f"{self.hosts}/providers/Microsoft.Compute/virtualMachines/{name}", None, "2024-11-01").body
        )

    def os_disk_image(self, name: str) -> str:
        """The image version that a host's guest really runs."""
        guest = self.control("GET", "state")["guests"][self.vm(name)["properties"]["vmId"]]
        return str(guest["imageVersionId"]).rsplit("/", 1)[-1]

    async def make_gallery(self, *versions: str, generation: str = "V2", excluded: str = "") -> None:
        """Gallery, definition and versions, made from the managed image of the scenario."""
        gallery = self.definition.rsplit("/images/", 1)[0]
        self.ask("PUT", gallery, {"location": "westeurope", "properties": {}})
        await self.clock.sleep(10)
        definition = {
            "location": "westeurope",
            "properties": {
                "osType": "Windows",
                "osState": "Generalized",
                "hyperVGeneration": generation,
                "identifier": {"publisher": "contoso", "offer": "avd", "sku": "win11"},
                "features": [{"name": "SecurityType", "value": "TrustedLaunchSupported"}],
            },
        }
        self.ask("PUT", self.definition, definition)
        await self.clock.sleep(10)
        for version in versions:
            image = f"{self.images}/providers/Microsoft.Compute/images/win11-{version}"
            properties = {
                "publishingProfile": {
                    "targetRegions": [{"name": "westeurope", "regionalReplicaCount": 2}],
                    "excludeFromLatest": version == excluded,
                },
                "storageProfile": {"source": {"id": image}},
            }
            answer = self.ask(
                "PUT", f"{self.definition}/versions/{version}", {"location": "westeurope", "properties": properties}
            )
            assert answer.status == 201, answer.body
        await self.clock.sleep(1200)

    async def roll(
        self,
        *,
        owner: str = "tester@machine",
        process: Process | None = None,
        only: str | None = None,
        order: Order | None = None,
        principal: str = "deployer",
        halt: asyncio.Event | None = None,
        **changes: Any,
    ) -> Outcome:
        """One run of the engine with `INPUTS` and what is changed in them, by a process of its own. Raises Died where
        that is killed, with nothing given back, and Stopped where `halt` told it to end (`stop` is an input)."""
        declared = {**INPUTS, "image": self.definition, **changes}
        inputs: Mapping[str, Any] = {k: v for k, v in declared.items() if v is not None}
        runner = process or Process(owner)
        return await as_process(
            runner, self._run(runner, inputs, only=only, order=order, principal=principal, stop=halt)
        )

    async def tick(
        self, *, owner: str = "tick@runner", process: Process | None = None, principal: str = "deployer"
    ) -> Ticked:
        """One `hostpool tick`, by a process of its own. What people would be told is in `notices`."""
        runner = process or Process(owner)
        return await as_process(runner, self._tick(runner, principal))

    async def _tick(self, process: Process, principal: str) -> Ticked:
        clock = process.clock()
        lease = Lease(POOL, process.name, clock)
        async with in_process_cloud(
            self.emulator, clock, process=process, wire=self.wire, write_guard=lease.check, principal=principal
        ) as azure:
            return await tick(
                azure,
                POOL,
                clock=clock,
                lease=lease,
                listener=self.events.append,
                notifying=self._notifying,
                log_folder=self.folder,
            )

    @asynccontextmanager
    async def _notifying(self, declaration: Declaration) -> AsyncIterator[Teller]:
        yield Noted(self.notices, Notices(declaration.pool_name, declaration.zone))

    async def _run(
        self,
        process: Process,
        inputs: Mapping[str, Any],
        *,
        only: str | None,
        order: Order | None,
        principal: str,
        stop: asyncio.Event | None,
    ) -> Outcome:
        clock = process.clock()
        lease = Lease(POOL, process.name, clock)
        async with in_process_cloud(
            self.emulator, clock, process=process, wire=self.wire, write_guard=lease.check, principal=principal
        ) as azure:
            return await run(
                azure,
                parse(inputs),
                inputs,
                clock=clock,
                lease=lease,
                listener=self.events.append,
                log_folder=self.folder,
                only=only,
                order=order,
                stop=stop,
            )


async def as_process(runner: Process, work: Coroutine[Any, Any, T]) -> T:
    """What a process does until it has ended. Raises Died where it is killed."""
    runner.begin()
    doing = asyncio.ensure_future(work)
    death = asyncio.ensure_future(runner.dead.wait())
    try:
        await asyncio.wait({doing, death}, return_when=asyncio.FIRST_COMPLETED)
        if not runner.dead.is_set():
            return await doing
        raise Died(runner.name)
    finally:
        if not doing.done():
            runner.die("its caller went away")  # nothing that it still does while it unwinds reaches Azure
        for task in (death, doing):
            task.cancel()
        await asyncio.gather(death, doing, return_exceptions=True)


@dataclass(frozen=True)
class Noted:
    """A teller that keeps what it would tell."""

    kept: list[Notice]
    notices: Notices

    def __call__(self, event: Event) -> None:
        notice = self.notices.of(event)
        if notice is not None:
            self.kept.append(notice)

    async def sent(self) -> None:
        return None


async def emulated_pool(folder: Path, **options: Any) -> EmulatedPool:
    """A pool of the scenario `pooled` with versions 1.0.0 and 1.0.1 in its gallery."""
    options.setdefault("latency", False)
    made = EmulatedPool(Emulator(scenario.build("pooled", options)), LoopClock(), folder)
    if options.get("apart"):
        made.hosts, made.images = f"{GROUP}-hosts", f"{GROUP}-images"
    await made.make_gallery("1.0.0", "1.0.1")
    return made
