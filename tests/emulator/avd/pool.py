"""A pool in process, and calls to it as the deployer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emulator import guests, scenario
from emulator.app import Emulator
from emulator.desktopvirtualization import broker
from emulator.scenario_hosts import SUBSCRIPTION
from emulator.wire import Principal, Request, Response
from emulator.world import Resource, World

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/avd"
POOL = f"{GROUP}/providers/Microsoft.DesktopVirtualization/hostPools/hp1"
PLAN = f"{GROUP}/providers/Microsoft.DesktopVirtualization/scalingPlans/sp1"
DEPLOYER = Principal(scenario.DEPLOYER["object_id"], scenario.DEPLOYER["client_id"], "deployer")


class Pool:
    """An emulator with a scenario; time moves only by `wait`."""

    def __init__(self, name: str = "pooled", **options: Any) -> None:
        self.emulator = Emulator(scenario.build(name, {"throttling": False, "latency": False, **options}))

    @property
    def world(self) -> World:
        return self.emulator.world

    def call(self, method: str, path: str, body: Any = None, *, version: str = "2024-04-03", **query: str) -> Response:
        request = Request(method, path, {"api-version": version, **query}, body=body, principal=DEPLOYER)
        return self.emulator.handle(request)

    def wait(self, seconds: float) -> None:
        self.world.advance(self.world.now + seconds)

    def host(self, number: int) -> str:
        """Path of a session host (AD joined)."""
        return f"{POOL}/sessionHosts/vm-{number}.contoso.com"

    def shown(self, number: int) -> Mapping[str, Any]:
        """Properties of a session host as GET returns them."""
        properties: Mapping[str, Any] = self.call("GET", self.host(number)).body["properties"]
        return properties

    def vm(self, number: int) -> Resource:
        vm = self.world.get(f"{GROUP}/providers/Microsoft.Compute/virtualMachines/vm-{number}")
        assert vm is not None
        return vm

    def sessions(self, number: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call("GET", f"{self.host(number)}/userSessions").body["value"]
        return found

    def events(self, *kinds: str) -> list[dict[str, Any]]:
        return [event for event in broker.events_of(self.world, POOL) if not kinds or event["event"] in kinds]

    def stop(self, number: int) -> None:
        guests.power_off(self.world, self.vm(number), deallocate=True)

    def start(self, number: int) -> None:
        guests.power_on(self.world, self.vm(number))

    def token(self, hours: float = 2) -> str:
        """A new registration token."""
        info = {"expirationTime": self.world.iso(self.world.now + 3600 * hours), "registrationTokenOperation": "Update"}
        assert self.call("PATCH", POOL, {"properties": {"registrationInfo": info}}).status == 200
        token: str = self.call("POST", f"{POOL}/retrieveRegistrationToken").body["token"]
        return token
