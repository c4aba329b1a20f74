"""Azure's orchestrator on a scale set of session servers, with the people of the host pool at work on them.

A scale set knows no sessions. What would happen to some is seen on a host pool beside it, which nobody rolls: its host
`vm-3` is switched off when instance 3 is taken, and on when that is healthy again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import measure
from bench.roll_host_pool import NEW, NOON, with_people
from bench.rolled import LOOK, Rolled, Watch
from simulation.emulated_pool import GROUP, POOL, EmulatedPool
from simulation.scale_set import API, AUTOMATIC, HEALTH, SET, EmulatedScaleSet

LIMIT = 48 * 3600.0
APPROVER = 60.0
"""Seconds between two looks of who approves instances."""
DRAWS = (
    *("vm swap os disk", "vm create windows image", "extension ad join"),
    *("extension monitor", "extension windows", "application start"),
)
"""What an instance is out for, and the emulator's rows of it."""


def _extension(name: str, after: str, publisher: str, kind: str, version: str, **more: Any) -> dict[str, Any]:
    properties = {"publisher": publisher, "type": kind, "typeHandlerVersion": version, **more}
    return {"name": name, "properties": {**properties, **({"provisionAfterExtensions": [after]} if after else {})}}


PROFILE: dict[str, Any] = {
    "osProfile": {
        "computerNamePrefix": "web",
        "adminUsername": "azureuser",
        "adminPassword": "Secret-Pass-1",
        "windowsConfiguration": {"enableAutomaticUpdates": False},
    },
    "extensionProfile": {
        "extensions": [
            _extension(
                *("join", "", "Microsoft.Compute", "JsonADDomainExtension", "1.3"),
                settings={"Name": "contoso.com", "User": "joiner@contoso.com", "Options": "3"},
                protectedSettings={"Password": "J0in-the-domain!"},
            ),
            _extension("agent", "join", "Microsoft.Azure.Monitor", "AzureMonitorWindowsAgent", "1.0"),
            {
                "name": "health",
                "properties": {
                    **HEALTH["properties"],
                    "type": "ApplicationHealthWindows",
                    "provisionAfterExtensions": ["agent"],
                },
            },
        ]
    },
}


@dataclass
class Beside:
    """The host pool that people work on, each host as the instance of its number."""

    pool: EmulatedPool
    off: set[str] = field(default_factory=set)

    def follow(self, out: set[str]) -> None:
        """Switch hosts off and on."""
        for number in sorted(out ^ self.off, key=int):
            verb = "powerOff" if number in out else "start"
            path = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/vm-{number}/{verb}"
            answer = self.pool.ask("POST", path, None, API)
            if answer.status != 202:
                raise RuntimeError(f"{verb} of vm-{number}: {answer.body}")
        self.off = set(out)

    def without_sessions(self) -> list[str]:
        """Numbers of the hosts that nobody has a session on."""
        answer = self.pool.ask("GET", f"{POOL}/sessionHosts", None, "2024-04-03")
        if answer.status != 200:
            raise RuntimeError(str(answer.body))
        hosts = answer.body["value"]
        names = (str(each["name"]).rpartition("/")[2] for each in hosts if not each["properties"]["sessions"])
        return [name.split(".")[0].removeprefix("vm-") for name in names]


async def rolled(
    folder: Path, seed: int, machines: int, *, users: int, percent: int, deferral: bool = False, bad: bool = False
) -> Rolled:
    """One automatic OS upgrade, `percent` of the instances at a time. With `deferral` an instance is approved as nobody
    has a session on it. Raises RuntimeError where it did not end as it should."""
    beside = Beside(await with_people(folder, seed, machines, users))
    clock, began = beside.pool.clock, beside.pool.clock.now()
    made = EmulatedScaleSet(beside.pool.emulator, clock, os_type="Windows")
    numbers = ("maxBatchInstancePercent", "maxUnhealthyInstancePercent", "maxUnhealthyUpgradedInstancePercent")
    automatic = {**AUTOMATIC, "useRollingUpgradePolicy": True, "osRollingUpgradeDeferral": deferral}
    await made.make(machines, automatic=automatic, rolling=dict.fromkeys(numbers, percent), **PROFILE)
    await clock.sleep(began + NOON - clock.now())
    if bad:
        made.bad(NEW)
    published = clock.now()
    made.publish(NEW)
    watch = Watch()
    while not _ended(made) or watch.out:
        if clock.now() > published + LIMIT:
            raise RuntimeError(f"not within {LIMIT:.0f} s: {made.upgrades()}")
        if deferral and not watch.out:
            await clock.sleep(APPROVER)
            _approve(made, beside)
        else:
            await clock.sleep(LOOK)
        out = {str(each["instanceId"]) for each in _instances(made) if not each["healthy"]}
        watch.look(out, clock.now())
        beside.follow(out)
    return _figures(made, beside, watch, published)


def _approve(made: EmulatedScaleSet, beside: Beside) -> None:
    """Let the upgrade take the instances that nobody has a session on; without one under way nothing happens."""
    old = {str(each["instanceId"]) for each in _instances(made) if each["image"] != NEW}
    free = [number for number in beside.without_sessions() if number in old]
    if free:
        made.ask("POST", f"{SET}/approveRollingUpgrade", {"instanceIds": free})


def _instances(made: EmulatedScaleSet) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = made.control("GET", "scale-sets")["scaleSets"][SET]["instances"]
    return found


def _ended(made: EmulatedScaleSet) -> bool:
    return any(each["endTime"] for each in made.upgrades())


def _figures(made: EmulatedScaleSet, beside: Beside, watch: Watch, published: float) -> Rolled:
    [upgrade] = made.upgrades()
    begun = measure.seconds_of(upgrade["startTime"])
    draws = made.control("GET", "draws")["draws"]
    events = beside.pool.control("GET", "session-events", hostPool=POOL)["events"]
    noticed = measure.disturbed(events, begun)
    since = [each for each in draws if measure.seconds_of(each["time"]) >= begun]
    return Rolled(
        waited=begun - published,
        makespan=made.clock.now() - begun,
        outages=watch.seconds,
        drawn=measure.middle(
            measure.drawn(since, f"{SET}/virtualMachines/{number}", DRAWS) for number in watch.seconds
        ),
        most_out=watch.most,
        updated=made.images().count(NEW),
        ended=noticed.forced,
        cut_off=noticed.cut_off,
    )
