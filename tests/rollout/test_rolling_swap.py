"""Whole rollouts: the engine and the real SDK clients on the emulator, in one process on virtual time.

What is asserted is the emulator's own state and record, not the engine's report.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from rollout import names
from rollout.errors import LeaseHeld
from rollout.events import Kind
from simulation.virtual_time import virtually
from tests.support.pools import GROUP, POOL, Bench, bench

VMS = f"{GROUP}/providers/Microsoft.Compute/virtualMachines"
AVD_API = "2024-04-03"
INTUNE = "0000000a-0000-0000-c000-000000000000"


def tags(made: Bench, name: str) -> dict[str, str]:
    return dict(made.vm(name).get("tags") or {})


def session_host(made: Bench, name: str, domain: str = ".contoso.com") -> dict[str, Any]:
    return dict(made.ask("GET", f"{POOL}/sessionHosts/{name}{domain}", None, AVD_API).body["properties"])


def ids_of(made: Bench, kind: str) -> set[str]:
    resources = made.control("GET", "state")["resources"]
    return {key for key, body in resources.items() if str(body.get("type", "")).lower() == kind.lower()}


def writes_since(made: Bench, number: int) -> list[dict[str, Any]]:
    log = made.control("GET", "requests", since=str(number))["requests"]
    return [r for r in log if r["method"] != "GET" and not r["path"].endswith("retrieveRegistrationToken")]


def last_request(made: Bench) -> int:
    log = made.control("GET", "requests", since="0")["requests"]
    return int(log[-1]["n"]) if log else 0


def test_every_host_serves_on_the_new_disk_with_the_identity_it_had(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=5, users=10)
        before = made.control("GET", "state")
        outcome = await made.roll()
        after = made.control("GET", "state")
        assert outcome.status == "complete", outcome.summary
        for name in ("vm-0", "vm-1", "vm-2", "vm-3", "vm-4"):
            was, now = before["resources"][f"{VMS}/{name}".lower()], after["resources"][f"{VMS}/{name}".lower()]
            assert made.os_disk_image(name) == "1.0.1"
            assert now["properties"]["vmId"] == was["properties"]["vmId"]
            assert now["properties"]["networkProfile"] == was["properties"]["networkProfile"]
            assert now["tags"] == was["tags"]
            assert (
                now["properties"]["storageProfile"]["osDisk"]["deleteOption"]
                == (was["properties"]["storageProfile"]["osDisk"]["deleteOption"])
            )
            host = session_host(made, name)
            assert host["allowNewSession"] is True and host["status"] == "Available"
        assert len(ids_of(made, "Microsoft.Compute/virtualMachines")) == 5
        assert not [k for k in after["resources"] if "avdtmp" in k]

    virtually(story())


def test_a_complete_pool_is_not_written_to(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0)
        await made.roll()
        n = last_request(made)
        outcome = await made.roll()
        assert outcome.status == "complete"
        assert writes_since(made, n) == []

    virtually(story())


def test_max_unavailable_and_the_floor_hold_all_the_time(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=6, sessions_per_host=4, max_session_limit=10)
        await made.roll(max_unavailable=2.0, min_serving=2.0)
        samples = made.control("GET", "capacity", hostPool=POOL)["samples"]
        assert max(s["unavailable"] for s in samples) <= 2
        assert min(s["serving"] for s in samples) >= 3  # ceil(24 * 1.1 / 10)

    virtually(story())


def test_nobody_is_cut_off_and_everybody_is_told_first(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=4, users=24, ignore_probability=0.5)
        await made.roll()
        events = made.control("GET", "session-events", hostPool=POOL)["events"]
        assert [e for e in events if e["event"] == "cut_off"] == []
        forced = [e for e in events if e["event"] == "forced_logoff"]
        told = {(e["user"], e["host"]) for e in events if e["event"] == "message"}
        assert forced and all((e["user"], e["host"]) in told for e in forced)

    virtually(story())


@pytest.mark.parametrize("fault", ["never_boots", "join_fails", "never_registers", "unhealthy"])
def test_a_bad_image_stops_the_rollout_at_the_canary_and_the_old_disk_goes_back(tmp_path: Path, fault: str) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=4, users=4)
        rule = {"id": "bad", "effect": {"type": "guest", "host": "^vm-", "image": "1\\.0\\.1$", "fault": fault}}
        made.control("POST", "faults", {"seed": 1, "rules": [rule]})
        outcome = await made.roll(verify={"timeout": "PT30M"}, drain={"deadline": "PT10M", "log_off": "force"})
        assert outcome.status == "stopped"
        assert len(outcome.hosts["rolled_back"]) == 1, outcome.hosts
        for name in ("vm-0", "vm-1", "vm-2", "vm-3"):
            assert made.os_disk_image(name) == "1.0.0"
            host = session_host(made, name)
            assert host["allowNewSession"] is True and host["status"] == "Available", (name, host)
        if fault == "never_boots":  # the temporary VM shows it: no host was taken out of service for this image
            samples = made.control("GET", "capacity", hostPool=POOL)["samples"]
            assert max(s["unavailable"] for s in samples) == 0
        else:
            assert [e for e in made.events if e.kind is Kind.HOST_FAILED and "evidence" in e.data]
        assert not [k for k in made.control("GET", "state")["resources"] if "avdtmp" in k]

    virtually(story())


def test_reverting_attaches_the_kept_disk_and_builds_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0)
        was = {name: made.vm(name)["properties"]["storageProfile"]["osDisk"]["name"] for name in ("vm-0", "vm-1")}
        await made.roll()
        n = last_request(made)
        outcome = await made.roll(version="1.0.0")
        assert outcome.status == "complete", outcome.summary
        for name, disk in was.items():
            assert made.vm(name)["properties"]["storageProfile"]["osDisk"]["name"] == disk
            assert made.os_disk_image(name) == "1.0.0"
            assert session_host(made, name)["status"] == "Available"
        assert not [w for w in writes_since(made, n) if "avdtmp" in w["path"]]

    virtually(story())


def test_hosts_that_were_off_are_updated_and_go_off_again(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=4, users=2, off=2)  # one of two must serve while the other is out
        before = made.control("GET", "state")["guests"]
        outcome = await made.roll()
        assert outcome.status == "complete", outcome.summary
        after = made.control("GET", "state")["guests"]
        assert {k: v["booted"] for k, v in after.items()} == {k: v["booted"] for k, v in before.items()}
        assert {made.os_disk_image(f"vm-{i}") for i in range(4)} == {"1.0.1"}

    virtually(story())


def test_drain_flags_are_as_found(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=3, users=0, draining=1)
        drained = {f"vm-{i}": session_host(made, f"vm-{i}")["allowNewSession"] for i in range(3)}
        assert sorted(drained.values()) == [False, True, True]
        await made.roll()
        assert {f"vm-{i}": session_host(made, f"vm-{i}")["allowNewSession"] for i in range(3)} == drained

    virtually(story())


def test_entra_hosts_rejoin_by_leaving_first(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0, join="entra")
        outcome = await made.roll(join={"type": "entra", "mdm_id": INTUNE}, device_cleanup="leave")
        assert outcome.status == "complete", outcome.summary
        assert {made.os_disk_image(f"vm-{i}") for i in range(2)} == {"1.0.1"}
        assert session_host(made, "vm-0", "")["status"] == "Available"

    virtually(story())


def test_size_and_disk_type_change_with_the_swap(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0)
        outcome = await made.roll(vm_size="Standard_D8s_v5", os_disk_type="StandardSSD_LRS")
        assert outcome.status == "complete", outcome.summary
        for name in ("vm-0", "vm-1"):
            properties = made.vm(name)["properties"]
            assert properties["hardwareProfile"]["vmSize"] == "Standard_D8s_v5"
            disk = properties["storageProfile"]["osDisk"]["managedDisk"]
            assert made.ask("GET", disk["id"], None, COMPUTE_DISKS).body["sku"]["name"] == "StandardSSD_LRS"

    virtually(story())


COMPUTE_DISKS = "2024-03-02"


def test_avds_own_order_works_too(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=3, users=3)
        outcome = await made.roll(build="after_deallocate", max_unavailable=1.0)
        assert outcome.status == "complete", outcome.summary
        assert {made.os_disk_image(f"vm-{i}") for i in range(3)} == {"1.0.1"}

    virtually(story())


def test_a_second_runner_is_refused_while_the_first_lives(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0)
        first = asyncio.create_task(made.roll(owner="first@runner"))
        await made.clock.sleep(120)
        with pytest.raises(LeaseHeld, match="first@runner"):
            await made.roll(owner="second@runner")
        assert (await first).status == "complete"

    virtually(story())


@pytest.mark.parametrize("minutes", [2, 6, 12, 18, 24, 30, 36, 45])
def test_a_killed_run_is_carried_on_to_the_same_end(tmp_path: Path, minutes: int) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=3, users=6)
        canary = {"hosts": 1, "bake": "PT5M"}
        first = asyncio.create_task(made.roll(owner="first@runner", canary=canary))
        await made.clock.sleep(minutes * 60)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        outcome = await made.roll(owner="second@runner", canary=canary)
        assert outcome.status == "complete", outcome.summary
        for name in ("vm-0", "vm-1", "vm-2"):
            assert made.os_disk_image(name) == "1.0.1"
            assert session_host(made, name)["allowNewSession"] is True
            assert not [tag for tag in tags(made, name) if tag.startswith(names.OURS)]
        state = made.control("GET", "state")["resources"]
        assert not [k for k in state if "avdtmp" in k]
        # Per host: the new OS disk, the kept one, and its data disks.
        assert len([k for k in ids_of(made, "Microsoft.Compute/disks") if "_osdisk_" in k]) == 6

    virtually(story())


def test_a_rebuilt_host_gets_a_fresh_disk_of_the_same_version(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0)
        disks = {name: made.vm(name)["properties"]["storageProfile"]["osDisk"]["name"] for name in ("vm-0", "vm-1")}
        outcome = await made.roll(version="1.0.0", only="vm-1")
        assert outcome.status == "complete", outcome.summary
        now = {name: made.vm(name)["properties"]["storageProfile"]["osDisk"]["name"] for name in ("vm-0", "vm-1")}
        assert now["vm-0"] == disks["vm-0"] and now["vm-1"] != disks["vm-1"]
        assert made.os_disk_image("vm-1") == "1.0.0"

    virtually(story())


def test_a_pause_gives_the_hosts_in_service_back_and_a_resume_finishes(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=4, users=8)
        rolling = asyncio.create_task(made.roll(max_unavailable=1.0))
        await made.clock.sleep(40 * 60)
        pause = {"operation": "Merge", "properties": {"tags": {names.PAUSE: "an administrator"}}}
        made.ask("PATCH", f"{POOL}/providers/Microsoft.Resources/tags/default", pause, "2021-04-01")
        outcome = await rolling
        assert outcome.status == "paused", outcome.summary
        for name in ("vm-0", "vm-1", "vm-2", "vm-3"):
            assert session_host(made, name)["allowNewSession"] is True
            assert not [tag for tag in tags(made, name) if tag.startswith(names.OURS)]
        unpause = {"operation": "Delete", "properties": {"tags": {names.PAUSE: "an administrator"}}}
        made.ask("PATCH", f"{POOL}/providers/Microsoft.Resources/tags/default", unpause, "2021-04-01")
        resumed = await made.roll(max_unavailable=1.0)
        assert (resumed.status, resumed.attempt) == ("complete", outcome.attempt)
        assert {made.os_disk_image(f"vm-{i}") for i in range(4)} == {"1.0.1"}

    virtually(story())


def test_a_scaling_plan_switched_on_in_the_middle_is_noticed_and_undoes_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=4, users=8)
        rolling = asyncio.create_task(made.roll(max_unavailable=1.0))
        await made.clock.sleep(45 * 60)
        plan = f"{GROUP}/providers/Microsoft.DesktopVirtualization/scalingPlans/sp1"
        body = made.ask("GET", plan, None, AVD_API).body
        references = [{"hostPoolArmPath": POOL, "scalingPlanEnabled": True}]
        properties = {**body["properties"], "hostPoolReferences": references}
        assert made.ask("PUT", plan, {**body, "properties": properties}, AVD_API).status == 200
        outcome = await rolling
        assert outcome.status == "paused" and "sp1" in outcome.summary
        samples = made.control("GET", "capacity", hostPool=POOL)["samples"]
        assert max(s["unavailable"] for s in samples) <= 1
        for name in ("vm-0", "vm-1", "vm-2", "vm-3"):
            assert not [tag for tag in tags(made, name) if tag.startswith(names.OURS) or tag == "ExcludeFromScaling"]
        assert (await made.roll(max_unavailable=1.0)).status == "complete"

    virtually(story())


def test_autoscale_on_an_excluded_pool_does_not_disturb_the_rollout(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=3, users=3, scaling_plan=True)
        outcome = await made.roll(max_unavailable=1.0)
        assert outcome.status == "complete", outcome.summary
        assert {made.os_disk_image(f"vm-{i}") for i in range(3)} == {"1.0.1"}
        assert not [tag for i in range(3) for tag in tags(made, f"vm-{i}") if tag == "ExcludeFromScaling"]

    virtually(story())
