"""`python -m demo`: 12 session hosts with live users go from 1.0.0 to 1.0.1 by `pulumi up`.

Exit code 0 only if the emulator's own state shows each host serving on the new disk with the identity it had, nothing
left over, and every call of the updater allowed by its custom role.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from demo.emulated_azure import EmulatedAzure, environment, running
from demo.pulumi_cli import PROJECT, Pulumi, PulumiFailed
from demo.verify import Check, Evidence, checks

POOL = (
    "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/avd"
    "/providers/Microsoft.DesktopVirtualization/hostPools/hp1"
)
NATIVE_STAND_IN = PROJECT / "emulator" / "native" / "bin"
console = Console(highlight=False)


def main() -> int:
    """Run the demo; the exit code is the verdict."""
    given = _arguments()
    folder = PROJECT / ".cache" / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    console.rule(f"emulated Azure: host pool hp1, {given.hosts} hosts on 1.0.0, time runs {given.speed:g} x")
    log = folder / "emulator.log"
    began = time.monotonic()
    with running(folder, speed=given.speed, hosts=given.hosts, log=log) as azure:
        try:
            evidence = rollout(azure, folder, given)
        except PulumiFailed as error:
            console.print(f"[bold red]{error}[/]")
            return 1
        console.rule("what the emulator says")
        passed = summary(checks(evidence), evidence, azure)
    console.print(f"\n{time.monotonic() - began:.0f} s; emulator log and Pulumi state in {folder.relative_to(PROJECT)}")
    return 0 if passed else 1


def rollout(azure: EmulatedAzure, folder: Path, given: argparse.Namespace) -> Evidence:
    """Declare the pool at 1.0.0, change the version, preview, and roll."""
    pulumi = Pulumi(folder, environment(azure, NATIVE_STAND_IN))
    pulumi.quiet("stack", "init")
    pulumi.set("rollout.max_unavailable", str(given.max_unavailable), path=True)
    console.rule("1. declare: gallery, versions, update role, the pool at 1.0.0")
    pulumi.show("up", "--yes", "--skip-preview")
    before = azure.get("state")
    first = _last(azure)
    console.rule("2. change the version to 1.0.1")
    pulumi.show("config", "set", "image_version", "1.0.1")
    pulumi.show("preview", "--diff")
    console.rule("3. the rolling swap")
    pulumi.show("up", "--yes", "--skip-preview")
    return Evidence(
        before=before,
        after=azure.get("state"),
        version="1.0.1",
        updater=azure.variables["HOSTPOOL_CLIENT_ID"],
        requests=azure.requests_since(first),
        session_events=azure.get("session-events", hostPool=POOL)["events"],
        capacity=azure.get("capacity", hostPool=POOL)["samples"],
        max_unavailable=given.max_unavailable,
    )


def summary(results: list[Check], evidence: Evidence, azure: EmulatedAzure) -> bool:
    """Print the verdict; True when every check passed."""
    table = Table("check", "verdict", box=None)
    for check in results:
        verdict = "[green]yes[/]" if not check.problems else f"[red]NO[/] {check.problems[0]}"
        table.add_row(check.title, verdict)
    console.print(table)
    for check in results:
        for problem in check.problems[1:20]:
            console.print(f"  {check.title}: {problem}")
    events = [event["event"] for event in evidence.session_events]
    calls = [call for call in evidence.requests if call["principal"] == evidence.updater]
    writes = sum(call["method"] != "GET" for call in calls)
    worst = max((sample["unavailable"] for sample in evidence.capacity), default=0)
    least = min((sample["serving"] for sample in evidence.capacity), default=0)
    console.print(
        f"\nusers: {events.count('message')} messages, {events.count('logoff')} signed out themselves, "
        f"{events.count('forced_logoff')} signed out after the deadline, {events.count('cut_off')} cut off\n"
        f"capacity: at most {worst} hosts unavailable, at least {least} serving\n"
        f"calls of the updater: {len(calls) - writes} reads, {writes} writes; emulated time {azure.get('state')['now']}"
    )
    return not any(check.problems for check in results)


def _last(azure: EmulatedAzure) -> int:
    log: list[dict[str, Any]] = azure.requests_since(0)
    return int(log[-1]["n"]) if log else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--hosts", type=int, default=12, help="session hosts in the pool")
    parser.add_argument("--max-unavailable", type=int, default=3, help="hosts out of service at once")
    parser.add_argument("--speed", type=float, default=120.0, help="emulated seconds in a real second")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
