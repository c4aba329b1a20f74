"""Rollouts in which something goes wrong: no host is lost, and what is told is true."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rollout import names
from rollout.errors import LeaseLost
from rollout.events import Kind
from rollout.record import Phase, decode
from simulation.virtual_time import virtually
from tests.support.pools import GROUP, POOL, Bench, bench

COMPUTE = f"{GROUP}/providers/Microsoft.Compute"
AVD_API = "2024-04-03"
VM_API = "2024-11-01"
ENTRA = {"type": "entra", "mdm_id": "0000000a-0000-0000-c000-000000000000"}
BAD_IMAGE = "1\\.0\\.1$"


def fault(made: Bench, *rules: dict[str, Any]) -> None:
    numbered = [{"id": f"rule-{n}", **rule} for n, rule in enumerate(rules)]
    made.control("POST", "faults", {"seed": 1, "rules": numbered})


def guest(name: str, *, host: str = "^vm-", image: str = BAD_IMAGE) -> dict[str, Any]:
    return {"effect": {"type": "guest", "host": host, "image": image, "fault": name}}


def session_host(made: Bench, name: str, domain: str = ".contoso.com") -> dict[str, Any]:
    return dict(made.ask("GET", f"{POOL}/sessionHosts/{name}{domain}", None, AVD_API).body["properties"])


def serves(made: Bench, name: str, image: str, domain: str = ".contoso.com") -> None:
    host = session_host(made, name, domain)
    assert (made.os_disk_image(name), host["status"], host["allowNewSession"]) == (image, "Available", True)


def left_over(made: Bench) -> list[str]:
    """Temporary machines, and disks that were built and are attached to nothing."""
    resources = made.control("GET", "state")["resources"]
    built = [
        key
        for key, body in resources.items()
        if "/disks/" in key
        and not body.get("managedBy")
        and (body.get("tags") or {}).get(names.DISK_STATE) in ("building", "ready")
    ]
    return [key for key in resources if "avdtmp" in key] + built


def record_of(made: Bench, name: str) -> Any:
    return decode((made.vm(name).get("tags") or {}).get(names.RECORD))


def set_tags(made: Bench, name: str, tags: dict[str, str]) -> None:
    answer = made.ask("PATCH", f"{COMPUTE}/virtualMachines/{name}", {"tags": tags}, VM_API)
    assert answer.status in (200, 202), answer.body


async def until(made: Bench, name: str, phase: Phase) -> None:
    """Wait until the host's record says that it is in a phase."""
    for _ in range(600):
        found = record_of(made, name)
        if found is not None and found.p is phase:
            return
        await made.clock.sleep(20)
    raise AssertionError(f"{name} never came to {phase}")


def test_missing_capacity_is_waited_for_and_nobody_is_restored_or_admitted_meanwhile(tmp_path: Path) -> None:
    """Longer than verify.timeout: a start that Azure has no room for does not count against the disk."""

    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0)
        failing = {"type": "operation", "outcome": "fail", "code": "AllocationFailed"}
        fault(made, {"method": "POST", "path": "/vm-[0-9]/start", "times": 18, "effect": failing})
        outcome = await made.roll(max_unavailable=1.0, verify={"timeout": "PT25M"}, allocation_retry="PT4H")
        assert outcome.status == "complete", outcome.summary
        samples = made.control("GET", "capacity", hostPool=POOL)["samples"]
        assert max(s["unavailable"] for s in samples) <= 1
        assert not [e for e in made.events if e.kind is Kind.PHASE and "undo" in e.data["phase"]]
        for name in ("vm-0", "vm-1"):
            serves(made, name, "1.0.1")

    virtually(story())


def test_an_entra_host_that_failed_comes_back_though_the_new_disk_had_joined(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0, join="entra")
        fault(made, guest("unhealthy"))
        outcome = await made.roll(join=ENTRA, device_cleanup="leave", verify={"timeout": "PT30M"})
        assert outcome.hosts["rolled_back"] == ["vm-0"], outcome.summary
        for name in ("vm-0", "vm-1"):
            serves(made, name, "1.0.0", "")
            extensions = {child["name"] for child in made.vm(name)["resources"]}
            assert "AADLoginForWindows" in extensions
        assert left_over(made) == []

    virtually(story())


def test_a_guest_that_may_not_be_asked_gets_its_old_disk_back_all_the_same(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0)
        refused = {"type": "status", "status": 403, "code": "AuthorizationFailed", "message": f"{'long ' * 60}story"}
        fault(made, {"method": "POST", "path": "/vm-0/runCommand", "nth": [2, 3], "effect": refused})
        outcome = await made.roll()
        assert outcome.hosts["rolled_back"] == ["vm-0"], outcome.summary
        assert "story" in dict(outcome.failures)["vm-0"], "told in full, though the record has no room for it"
        serves(made, "vm-0", "1.0.0")

    virtually(story())


def test_the_old_size_comes_back_with_the_old_disk(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0)
        fault(made, guest("unhealthy"))
        await made.roll(vm_size="Standard_D8s_v5", verify={"timeout": "PT30M"})
        for name in ("vm-0", "vm-1"):
            assert made.vm(name)["properties"]["hardwareProfile"]["vmSize"] == "Standard_D4s_v5"
            serves(made, name, "1.0.0")

    virtually(story())


def test_a_host_that_neither_disk_brings_back_stays_drained_and_the_next_attempt_brings_it_home(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0)
        fault(made, guest("never_registers", host="^vm-0", image="."))
        short = {"timeout": "PT25M"}
        outcome = await made.roll(verify=short)
        assert outcome.hosts["failed"] == ["vm-0"], outcome.summary
        assert record_of(made, "vm-0").p is Phase.FAILED
        hosts = made.ask("GET", f"{POOL}/sessionHosts", None, AVD_API).body["value"]
        taking = [h["name"] for h in hosts if h["properties"]["allowNewSession"]]
        assert not [name for name in taking if "vm-0" in name] and len(taking) == 1
        # A second attempt that is stopped before it comes to the host leaves it as it is: failed, not given to users.
        again = await made.roll(verify=short)
        assert "vm-0" in again.hosts["failed"] and record_of(made, "vm-0").p is Phase.FAILED
        made.control("DELETE", "faults")
        last = await made.roll(verify=short)
        assert last.status == "complete", last.summary
        for name in ("vm-0", "vm-1"):
            serves(made, name, "1.0.1")
        assert left_over(made) == [] and record_of(made, "vm-0") is None

    virtually(story())


def test_a_host_that_is_deleted_meanwhile_leaves_nothing_behind(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=3, users=0)
        rolling = asyncio.create_task(made.roll(max_failed=3.0, canary={"hosts": 0}))
        await until(made, "vm-1", Phase.BUILD)
        await made.clock.sleep(60)
        made.ask("DELETE", f"{COMPUTE}/virtualMachines/vm-1", None, VM_API)
        outcome = await rolling
        assert outcome.status == "complete_with_failures", outcome.summary
        assert ("vm-1", "the VM was deleted while it was worked on") in outcome.failures
        for name in ("vm-0", "vm-2"):
            serves(made, name, "1.0.1")
        assert left_over(made) == []

    virtually(story())


@pytest.mark.parametrize("phase", [Phase.BUILD, Phase.DRAIN, Phase.REJOIN])
def test_a_record_that_somebody_wipes_in_the_middle_is_written_again(tmp_path: Path, phase: Phase) -> None:
    """A template that is applied meanwhile writes its own tags over ours."""

    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0)
        rolling = asyncio.create_task(made.roll())
        await until(made, "vm-0", phase)
        set_tags(made, "vm-0", {"costCenter": "4711"})
        outcome = await rolling
        assert outcome.status == "complete", outcome.summary
        for name in ("vm-0", "vm-1"):
            serves(made, name, "1.0.1")
        assert left_over(made) == []

    virtually(story())


@pytest.mark.parametrize("phase", [Phase.DRAIN, Phase.RELEASE, Phase.REJOIN, Phase.SERVE])
def test_another_version_after_a_crash_is_what_every_host_ends_on(tmp_path: Path, phase: Phase) -> None:
    """What the crashed rollout had begun is ended first, and is not told as this one's success."""

    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0)
        first = asyncio.create_task(made.roll(canary={"hosts": 0}))
        await until(made, "vm-0", phase)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        outcome = await made.roll(owner="second@runner", version="1.0.0")
        assert outcome.status == "complete", outcome.summary
        assert outcome.hosts["updated"] == ["vm-0", "vm-1"]
        for name in ("vm-0", "vm-1"):
            serves(made, name, "1.0.0")
            assert record_of(made, name) is None
        assert left_over(made) == []

    virtually(story())


def test_i5_one_rollout_a_stale_owner_leaves_a_host_that_a_newer_run_has_claimed_alone(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0)
        rolling = asyncio.create_task(made.roll())
        await until(made, "vm-0", Phase.DRAIN)
        newer = replace(record_of(made, "vm-0"), f=99)
        set_tags(made, "vm-0", {**made.vm("vm-0")["tags"], names.RECORD: newer.encode()})
        with pytest.raises(LeaseLost, match="newer run"):
            await rolling
        assert record_of(made, "vm-0") == newer

    virtually(story())


def test_wiped_tags_of_the_pool_do_not_make_a_later_run_the_stale_one(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0)
        for _ in range(2):
            first = asyncio.create_task(made.roll())
            await until(made, "vm-0", Phase.DRAIN)
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
        made.ask("PATCH", POOL, {"tags": {"costCenter": "4711"}}, AVD_API)
        outcome = await made.roll(owner="second@runner")
        assert outcome.status == "complete", outcome.summary
        for name in ("vm-0", "vm-1"):
            serves(made, name, "1.0.1")

    virtually(story())


def test_a_host_that_cannot_be_claimed_is_told_as_failed(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0)
        locked = {"type": "status", "status": 409, "code": "ScopeLocked"}
        fault(made, {"method": "PATCH", "path": "virtualMachines/vm-1\\?", "effect": locked})
        outcome = await made.roll(max_failed=1.0)
        assert outcome.status == "complete_with_failures", outcome.summary
        assert outcome.hosts["failed"] == ["vm-1"] and "ScopeLocked" in dict(outcome.failures)["vm-1"]
        serves(made, "vm-1", "1.0.0")

    virtually(story())


def test_a_disk_that_cannot_be_deleted_does_not_hold_the_run(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0)
        locked = {"type": "status", "status": 409, "code": "ScopeLocked"}
        fault(made, guest("unhealthy"), {"method": "DELETE", "path": "/disks/vm-0_", "effect": locked})
        outcome = await made.roll(verify={"timeout": "PT30M"})
        assert outcome.status == "stopped" and "ScopeLocked" in dict(outcome.failures)["vm-0"], outcome.failures
        serves(made, "vm-0", "1.0.0")

    virtually(story())


def test_an_administrators_last_script_does_not_run_on_the_new_disk(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=1, users=0)
        theirs = {"commandId": "RunPowerShellScript", "script": ["Write-Output theirs"]}
        made.ask("POST", f"{COMPUTE}/virtualMachines/vm-0/runCommand", theirs, VM_API)
        await made.clock.sleep(300)
        outcome = await made.roll()
        assert outcome.status == "complete", outcome.summary
        ran = [each for each in made.emulator.world.sections["guest_scripts"] if "theirs" in each["script"]]
        assert len(ran) == 1 and not ran[0]["replayed"]

    virtually(story())


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/vm-0/start"),
        ("POST", "/vm-0/(powerOff|deallocate)"),
        ("PUT", "/virtualMachines/avdtmp-"),
        ("DELETE", "/vm-0/extensions/"),
        ("PUT", "/vm-0/extensions/"),
    ],
)
def test_an_operation_that_never_ends_is_not_waited_for_without_end(tmp_path: Path, method: str, path: str) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0)
        hangs = {"type": "operation", "outcome": "hang"}
        fault(made, {"method": method, "path": path, "nth": [1], "effect": hangs})
        async with asyncio.timeout(8 * 3600):
            outcome = await made.roll(canary={"hosts": 0}, max_failed=1.0, verify={"timeout": "PT30M"})
        assert outcome.hosts["rolled_back"] == ["vm-0"], outcome
        serves(made, "vm-0", "1.0.0")
        serves(made, "vm-1", "1.0.1")
        assert left_over(made) == []

    virtually(story())


@pytest.mark.parametrize("max_failed", [0.0, 1.0])
def test_i10_a_canary_that_fails_stops_the_rollout_whatever_may_fail_later(tmp_path: Path, max_failed: float) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=3, users=0)
        fault(made, guest("join_fails"))
        outcome = await made.roll(max_failed=max_failed, verify={"timeout": "PT30M"})
        assert outcome.status == "stopped" and len(outcome.hosts["rolled_back"]) == 1, outcome
        for name in ("vm-0", "vm-1", "vm-2"):
            serves(made, name, "1.0.0")

    virtually(story())


def test_a_host_that_was_added_after_a_crash_does_not_hold_the_canary_up(tmp_path: Path) -> None:
    """The attempt then has more hosts to do than it began with."""

    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0)
        first = asyncio.create_task(made.roll(owner="first@runner", include=["vm-0"]))
        await until(made, "vm-0", Phase.DRAIN)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        async with asyncio.timeout(8 * 3600):
            outcome = await made.roll(owner="second@runner")
        assert outcome.status == "complete", outcome.summary
        for name in ("vm-0", "vm-1"):
            serves(made, name, "1.0.1")

    virtually(story())


def test_an_extension_that_cannot_be_removed_does_not_hold_the_old_disk_up(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=1, users=0)
        hangs = {"type": "operation", "outcome": "hang"}
        # The first two removals are of the drain, the third is that of the failed disk.
        removal = {"method": "DELETE", "path": "/vm-0/extensions/", "nth": [3], "effect": hangs}
        fault(made, guest("unhealthy"), removal)
        outcome = await made.roll(verify={"timeout": "PT30M"})
        assert outcome.hosts["rolled_back"] == ["vm-0"], outcome
        serves(made, "vm-0", "1.0.0")

    virtually(story())
