"""`python -m simulation.capture_faults`: captures of which one kind of remote write is refused, or fails, for good.
Prints how each ends, and what is wrong with that.

Before the version is there all of it is undone: nothing is left, and the golden VM is as it was, its disk too. After
that the version stays, excluded from latest, and so does what the scripts did. What goes wrong while things are brought
back goes wrong for some tries only, and a later run ends it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from emulator import faults
from emulator.clock import real_time
from simulation.capture_crashes import UPDATE, VERSION, Ending, Reference, Scene, Story, opening
from simulation.virtual_time import virtually

DECLARED: dict[str, Any] = {
    "updates": [UPDATE],
    "boot_test": {"script": ["Write-Output 'well'"]},
    "regions": [{"name": "westeurope"}, {"name": "northeurope"}],
}
FAILS = {"type": "operation", "outcome": "fail", "code": "InternalError"}
REFUSED = {"type": "status", "status": 409, "code": "OperationNotAllowed"}
GOLDEN = r"virtualMachines/golden"
CLONE = r"virtualMachines/avdcap-[^/-]*"
TEST = r"virtualMachines/avdcap-[^/]*-test"
SOME = 20
"""Tries: more than one run makes, fewer than two."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong, and how the capture ends then."""

    method: str
    path: str
    effect: dict[str, Any]
    says: str = ""
    """In the error."""
    ends: str = "CaptureFailed"
    times: int | None = None
    late: bool = False
    """The version is there by then."""


FAULTS: dict[str, Fault] = {
    "first backup": Fault("PUT", "snapshots/golden-.*-before", FAILS, "-before: 200 InternalError"),
    "script": Fault("PUT", f"{GOLDEN}/runCommands", FAILS, "runCommands/avd-capture-update: 200 InternalError"),
    "script is refused": Fault("PUT", f"{GOLDEN}/runCommands", REFUSED, "409 OperationNotAllowed"),
    "script stays": Fault("DELETE", f"{GOLDEN}/runCommands", FAILS, "runCommands/avd-capture-update", times=SOME),
    "restart": Fault("POST", f"{GOLDEN}/restart", FAILS, "golden/restart: 200 InternalError"),
    "power off": Fault("POST", f"{GOLDEN}/powerOff", FAILS, "golden/powerOff: 200 InternalError", times=SOME),
    "deallocate": Fault("POST", f"{GOLDEN}/deallocate", FAILS, "golden/deallocate: 200", times=SOME),
    "second backup": Fault("PUT", "snapshots/golden-.*-after", FAILS, "-after: 200 InternalError"),
    "clone's disk": Fault("PUT", "disks/avdcap-", FAILS, "-disk: 200 InternalError"),
    "clone's interface": Fault("PUT", "networkInterfaces/avdcap-[^/-]*-nic", REFUSED, "-nic: 409"),
    "clone": Fault("PUT", rf"{CLONE}\?", FAILS, "the clone could not be made: InternalError"),
    "clone is refused": Fault("PUT", rf"{CLONE}\?", REFUSED, "409 OperationNotAllowed"),
    "run command": Fault("POST", f"{CLONE}/runCommand", FAILS, "/runCommand: 200 InternalError"),
    "clone's stop": Fault("POST", f"{CLONE}/deallocate", FAILS, "/deallocate: 200 InternalError"),
    "generalize": Fault("POST", f"{CLONE}/generalize", REFUSED, "/generalize: 409"),
    "version": Fault("PUT", "versions/1.0.2", FAILS, "version 1.0.2 could not be made: InternalError"),
    "version is refused": Fault("PUT", "versions/1.0.2", REFUSED, "versions/1.0.2: 409"),
    "replication": Fault("PATCH", "versions/1.0.2", FAILS, "version 1.0.2 could not be replicated", late=True),
    "replication is refused": Fault("PATCH", "versions/1.0.2", REFUSED, "could not be replicated: PATCH", late=True),
    "test's interface": Fault("PUT", "networkInterfaces/avdcap-.*-test", REFUSED, "-test-nic: 409", late=True),
    "test's machine": Fault("PUT", rf"{TEST}\?", FAILS, "was not set up: InternalError", late=True),
    "test's script": Fault("PUT", f"{TEST}/runCommands", FAILS, "avd-capture-test: 200 Internal", late=True),
    "clone stays": Fault("DELETE", rf"{CLONE}\?", FAILS, ends="complete", times=SOME),
    "clone's disk stays": Fault("DELETE", "disks/avdcap-[^/-]*-disk", FAILS, ends="complete", times=SOME),
    "clone's interface stays": Fault("DELETE", "networkInterfaces/avdcap-", REFUSED, ends="complete", times=SOME),
    "golden VM's start": Fault("POST", f"{GOLDEN}/start", FAILS, ends="complete", times=SOME),
    "test's machine stays": Fault("DELETE", rf"{TEST}\?", FAILS, ends="complete", times=SOME),
}


def reference(fault: Fault) -> Reference:
    return Reference("", DECLARED, ends=fault.ends)


def struck(fault: Fault, scene: Scene) -> tuple[Ending, tuple[str, ...]]:
    """How it ends, and what is wrong with that."""
    story = Story(reference(fault), scene)
    rule = {"id": "f", "method": fault.method, "path": fault.path, "effect": fault.effect}
    rules = [rule if fault.times is None else {**rule, "times": fault.times}]
    faults.replace(story.made.emulator.world, {"seed": 1, "rules": rules})
    ending = virtually(story.play())
    found = [problem for problem in ending.problems if not (fault.late and problem in LATE)]
    if fault.says not in ending.said:
        found.append(f"it said: {ending.said}")
    version = story.made.emulator.world.get(VERSION)
    if fault.late and version is not None and not version.body["properties"]["publishingProfile"]["excludeFromLatest"]:
        found.append("the version is offered")
    return ending, tuple(found)


LATE = ("what the scripts did is on the golden VM's disk", "a version is there")


def main(arguments: Sequence[str] | None = None, tell: Callable[[str], None] = print) -> int:
    """Exit code: 0 only if every one ended well."""
    parser = argparse.ArgumentParser(prog="python -m simulation.capture_faults", description=__doc__)
    parser.add_argument("--fault", choices=list(FAULTS), help="only this one")
    options = parser.parse_args(arguments)
    scene, failures = opening(Reference("")), 0
    for name in [options.fault] if options.fault else list(FAULTS):
        began = real_time()
        ending, wrong = struck(FAULTS[name], scene)
        tell(f"{name:<26}{', '.join(ending.exits):<30}{real_time() - began:>4.0f} s  {'; '.join(wrong)}")
        failures += bool(wrong)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
