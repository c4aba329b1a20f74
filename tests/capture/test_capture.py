"""Captures on the emulated golden VM, by the real SDK clients in process on virtual time."""

from __future__ import annotations

import asyncio
import json
from itertools import groupby
from typing import Any

import pytest

from capture import names
from capture.capture import Captured
from capture.errors import CaptureFailed
from emulator import guests
from rollout.errors import LeaseHeld, PreCheckFailed, Stopped
from rollout.events import Kind
from simulation.emulated_pool import DEFINITION, GROUP
from simulation.golden_vm import GOLDEN, GoldenVm, golden_vm
from simulation.process import Died, Kill, Process
from simulation.virtual_time import virtually
from simulation.wire_log import kind_of_write

VERSION = f"{DEFINITION}/versions/1.0.2"
OFFICE: dict[str, Any] = {"name": "office", "script": ["Write-Output 'updated'"]}
TWO_REGIONS = [{"name": "westeurope"}, {"name": "northeurope"}]
BUILD_SUBNET = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/avd-vnet/subnets/hosts"


def writes(made: GoldenVm) -> list[str]:
    """`PUT snapshots` of all writes but those of the lease and the record."""
    kinds = [kind_of_write(each) for each in made.wire.exchanges if each.write]
    return [kind for kind in kinds if "tags" not in kind and kind != "PATCH virtualmachines"]


def resources(made: GoldenVm) -> dict[str, Any]:
    return {each.id.lower(): each.body for each in made.emulator.world.resources.values()}


def kept(made: GoldenVm, kind: str) -> list[str]:
    return sorted(key.rsplit("/", 1)[-1] for key in resources(made) if f"/{kind}/" in key)


def test_the_whole_way_in_the_declared_order() -> None:
    async def story() -> tuple[GoldenVm, Captured]:
        made = await golden_vm()
        regions = [{"name": "West Europe", "replicas": 2.0}, {"name": "northeurope"}]
        return made, await made.capture(updates=[OFFICE], regions=regions, tags={"team": "desktop"})

    made, captured = virtually(story())
    assert [kind for kind, _ in groupby(writes(made))] == [
        "PUT snapshots",
        "PUT virtualmachines/runcommands",
        "DELETE virtualmachines/runcommands",
        "POST virtualmachines/poweroff",
        "POST virtualmachines/deallocate",
        "PUT snapshots",
        "PUT disks",
        "PUT networkinterfaces",
        "PUT virtualmachines",
        "POST virtualmachines/runcommand",  # accounts, sysprep, and how far it is
        "POST virtualmachines/deallocate",
        "POST virtualmachines/generalize",
        "PUT galleries/images/versions",
        "DELETE virtualmachines",
        "DELETE disks",
        "DELETE networkinterfaces",
        "POST virtualmachines/start",
    ]
    assert captured.made and captured.version_id == VERSION
    assert captured.regions == {"westeurope": "Completed", "northeurope": "Completed"}
    assert [(ran.name, ran.exit_code, ran.output) for ran in captured.updates] == [("office", 0, "updated")]
    version = resources(made)[VERSION.lower()]
    assert version["tags"]["team"] == "desktop" and version["tags"][names.UPDATES] == "office"
    assert version["tags"][names.SOURCE] == captured.snapshots[1]
    assert [r["regionalReplicaCount"] for r in version["properties"]["publishingProfile"]["targetRegions"]] == [2, 1]
    assert kept(made, "snapshots") == sorted(captured.snapshots)
    phases = [event.data["phase"] for event in made.events if event.kind is Kind.PHASE]
    assert phases == ["backup", "update", "stop", "clone", "prepare", "publish", "clean", "return", ""]


def test_the_clone_is_on_its_own_disk_in_the_declared_subnet_and_group() -> None:
    async def story() -> GoldenVm:
        made = await golden_vm()
        made.ask("PUT", f"{GROUP}-build", {"location": "westeurope"}, "2021-04-01")
        clone = {"subnet_id": BUILD_SUBNET, "resource_group_id": f"{GROUP}-build", "vm_size": "Standard_D2s_v5"}
        await made.capture(clone=clone)
        return made

    made = virtually(story())
    [put] = [each for each in made.wire.exchanges if kind_of_write(each) == "PUT virtualmachines" and each.write]
    assert put.path.startswith(f"{GROUP}-build/") and put.body is not None
    storage = put.body["properties"]["storageProfile"]
    assert put.body["properties"]["hardwareProfile"] == {"vmSize": "Standard_D2s_v5"}
    assert storage["osDisk"]["managedDisk"]["id"].startswith(f"{GROUP}-build/")
    assert "osProfile" not in put.body["properties"] and "identity" not in put.body
    [nic] = [each for each in made.wire.exchanges if kind_of_write(each) == "PUT networkinterfaces" and each.write]
    assert BUILD_SUBNET in json.dumps(nic.body)


def test_another_version_number_captures_again_and_regions_alone_do_not() -> None:
    async def story() -> GoldenVm:
        made = await golden_vm()
        await made.capture()
        await made.capture(version="1.0.3")
        count = len(writes(made))
        again = await made.capture(version="1.0.3", regions=[{"name": "westeurope"}, {"name": "northeurope"}])
        assert not again.made and set(again.regions) == {"westeurope", "northeurope"}
        assert writes(made)[count:] == ["PATCH galleries/images/versions"]
        with pytest.raises(PreCheckFailed, match=r"version: '1\.0\.3' exists already.*\"1\.0\.\*\""):
            await made.capture(version="1.0.3", updates=[OFFICE])
        return made

    assert kept(virtually(story()), "versions") == ["1.0.2", "1.0.3"]


def test_a_script_that_does_not_end_fails_the_capture_with_what_it_said() -> None:
    async def story(made: GoldenVm, script: list[str], **more: Any) -> str:
        with pytest.raises(CaptureFailed) as failed:
            await made.capture(updates=[{"name": "office", "script": script, **more}])
        return str(failed.value)

    async def both() -> None:
        made = await golden_vm()
        said = await story(made, ["Start-Sleep -Seconds 1200"], limit="PT10M")
        assert said.startswith("image win11 1.0.2: update office did not end within 10 minutes")
        secrets = {"Token": "https://localhost/keyvault/avd-kv/secrets/local-admin-password"}
        said = await story(made, ["param([string]$Token)", 'Write-Output "with $Token"', "exit 7"], secrets=secrets)
        assert "update office ended with exit code 7\nwith ***\n" in said
        assert "L0cal-Admin-Passw0rd!" not in json.dumps([event.data for event in made.events])
        assert kept(made, "versions") == [] and kept(made, "runcommands") == []

    virtually(both())


def test_sysprep_s_own_words_come_with_the_failure() -> None:
    async def story() -> str:
        made = await golden_vm()
        guests.content_of(made.emulator.world, GOLDEN)["rearms"] = 0
        with pytest.raises(CaptureFailed) as failed:
            await made.capture()
        assert kept(made, "versions") == [] and not [key for key in resources(made) if "avdcap-" in key]
        return str(failed.value)

    said = virtually(story())
    assert said.splitlines()[0] == "image win11 1.0.2: sysprep failed on the clone"
    assert "setupact.log: " in said and "slc.dll,SLReArmWindows" in said and "is in snapshot golden-" in said


@pytest.mark.parametrize(
    ("fault", "words", "their_own"),
    [
        ("sysprep_hangs", "sysprep did not end within 30 minutes", "setupact.log: "),
        (
            "accounts_stay",
            "local accounts could not be removed from the clone: installer, ada",
            "Remove-LocalUser : Access is denied: installer.",
        ),
    ],
)
def test_what_else_goes_wrong_in_the_clone(fault: str, words: str, their_own: str) -> None:
    async def story() -> None:
        made = await golden_vm()
        made.fault(fault)
        with pytest.raises(CaptureFailed, match=words) as failed:
            await made.capture(sysprep_limit="PT30M")
        assert their_own in str(failed.value)
        assert not [key for key in resources(made) if "avdcap-" in key]

    virtually(story())


def test_an_agent_in_the_golden_vm_is_refused() -> None:
    async def story() -> None:
        made = await golden_vm()
        guests.content_of(made.emulator.world, GOLDEN)["agent"] = True
        with pytest.raises(CaptureFailed, match="has an AVD agent of its own"):
            await made.capture()

    virtually(story())


def test_an_agent_is_found_by_the_boot_test_where_no_clone_is_looked_at() -> None:
    """A specialized version keeps the golden VM's registration with its pool."""

    async def story() -> None:
        made = await golden_vm(os_state="Specialized")
        guests.content_of(made.emulator.world, GOLDEN)["agent"] = True
        with pytest.raises(CaptureFailed, match="its boot test failed: the image has an AVD agent of its own"):
            await made.capture(os_state="specialized", boot_test={})
        version = resources(made)[VERSION.lower()]
        assert version["properties"]["publishingProfile"]["excludeFromLatest"]
        assert version["tags"][names.BOOT_TEST].startswith("failed: the image has an AVD agent of its own")
        assert not [key for key in resources(made) if "avdcap-" in key]

    virtually(story())


def test_a_boot_test_that_fails_comes_with_what_its_script_said() -> None:
    async def story() -> str:
        made = await golden_vm()
        script = ["Write-Output 'looked for FSLogix'", "Write-Error 'no frxsvc service'", "exit 3"]
        with pytest.raises(CaptureFailed) as failed:
            await made.capture(boot_test={"script": script})
        return str(failed.value)

    said = virtually(story())
    assert said.startswith(
        "image win11 1.0.2: its boot test failed: its script ended with exit code 3: no frxsvc service"
    )
    assert said.splitlines()[1:] == ["looked for FSLogix", "--- stderr", "no frxsvc service"]


@pytest.mark.parametrize(
    ("script", "fault", "words"),
    [
        ("Start-Sleep -Seconds 900", "", "its script did not end within 10 minutes"),
        ("exit 0", "never_boots", "not ready within 10 minutes: its VM agent does not answer"),
    ],
)
def test_a_boot_test_has_its_time(script: str, fault: str, words: str) -> None:
    async def story() -> None:
        made = await golden_vm(os_state="Specialized")  # with Windows set-up Azure itself has a time for it
        if fault:
            rule = {"id": "f", "effect": {"type": "guest", "image": r"1\.0\.2$", "fault": fault}}
            made.control("POST", "faults", {"seed": 1, "rules": [rule]})
        with pytest.raises(CaptureFailed, match=f"its boot test failed: {words}"):
            await made.capture(os_state="specialized", boot_test={"script": [script], "limit": "PT10M"})
        assert not [key for key in resources(made) if "avdcap-" in key]

    virtually(story())


def test_what_a_failed_update_did_is_kept_where_that_is_declared() -> None:
    async def story(**declared: Any) -> tuple[bool, list[str]]:
        made = await golden_vm()
        script = [r"Set-ItemProperty -Path 'HKLM:\SOFTWARE\Office' -Name Version -Value 2", "exit 1"]
        with pytest.raises(CaptureFailed):
            await made.capture(updates=[{"name": "office", "script": script}], **declared)
        changed = bool(guests.content_of(made.emulator.world, GOLDEN)["registry"])
        return changed, [name for name in kept(made, "disks") if name.startswith("golden")]

    changed, disks = virtually(story(after_failure="keep"))
    assert changed and disks == ["golden_osdisk_1"]
    changed, disks = virtually(story())
    assert not changed and len(disks) == 2 and "golden_osdisk_1" in disks, "its own disk is kept beside"


def test_another_declaration_ends_what_a_killed_capture_began() -> None:
    async def story() -> GoldenVm:
        made = await golden_vm()
        with pytest.raises(Died):
            await made.capture(process=Process("first@runner", Kill(1, "after", kind="PUT galleries/images/versions")))
        await made.clock.sleep(900)
        await made.capture(version="1.0.3", owner="second@runner")
        return made

    made = virtually(story())
    assert kept(made, "versions") in (["1.0.2", "1.0.3"], ["1.0.3"])
    assert not [key for key in resources(made) if "avdcap-" in key]
    assert resources(made)[GOLDEN.lower()]["tags"] == {"owner": "desktop-team"}


def test_one_capture_at_a_time_also_for_two_definitions_of_one_golden_vm() -> None:
    other = DEFINITION.replace("win11", "win11-kiosk")

    async def story() -> None:
        made = await golden_vm()
        body = made.ask("GET", DEFINITION).body
        identifier = {"publisher": "contoso", "offer": "avd", "sku": "kiosk"}
        made.ask("PUT", other, {**body, "properties": {**body["properties"], "identifier": identifier}})
        first = asyncio.create_task(made.capture(owner="first@runner"))
        await made.clock.sleep(200)
        with pytest.raises(LeaseHeld, match=r"is being captured by first@runner"):
            await made.capture(owner="second@runner", version="1.0.9")
        with pytest.raises(LeaseHeld, match=r"source_vm_id: the golden VM is being captured for win11 by first@runner"):
            await made.capture(owner="third@runner", image=other)
        await first

    virtually(story())


def test_told_to_stop_it_gives_the_lease_back_and_the_next_run_goes_on() -> None:
    async def story() -> GoldenVm:
        made, halt = await golden_vm(), asyncio.Event()
        first = asyncio.create_task(made.capture(halt=halt))
        while not [event for event in made.events if event.data.get("phase") == "clone"]:
            await made.clock.sleep(5)
        halt.set()
        with pytest.raises(Stopped, match="run pulumi up again"):
            await first
        began = made.clock.now()
        await made.capture(owner="second@runner")
        assert made.clock.now() - began < 3000, "nobody waited for the lease to run out"
        return made

    assert len(kept(virtually(story()), "snapshots")) == 2


def test_a_golden_vm_that_cannot_be_captured_is_refused_before_anything_is_written() -> None:
    async def story() -> list[str]:
        made = await golden_vm()
        vm = made.emulator.world.get(GOLDEN)
        assert vm is not None
        vm.body["properties"]["storageProfile"]["dataDisks"] = [{"lun": 0, "name": "apps"}]
        with pytest.raises(PreCheckFailed) as refused:
            await made.capture(os_state="specialized", regions=[{"name": "northeurope"}])
        assert not [each for each in made.wire.exchanges if each.write]
        return str(refused.value).splitlines()

    lines = virtually(story())
    assert lines[0] == "image win11 1.0.2: nothing was captured"
    assert [line.strip().split(":")[0] for line in lines[1:]] == ["source_vm_id", "os_state", "regions"]
    assert "has data disks (apps)" in lines[1] and "write generalized" in lines[2] and "lacks westeurope" in lines[3]


def test_data_disks_are_left_out_where_that_is_declared_and_stay_attached() -> None:
    """Also where the OS disk is swapped because a script has failed."""

    async def story(script: list[str]) -> GoldenVm:
        made = await golden_vm()
        disks = [{"lun": 0, "createOption": "Empty", "diskSizeGB": 32, "name": "apps"}]
        body = {"properties": {"storageProfile": {"dataDisks": disks}}}
        assert made.ask("PATCH", GOLDEN, body, "2024-11-01").status in (200, 202)
        await made.clock.sleep(60)
        captured = made.capture(data_disks="leave_out", updates=[{"name": "office", "script": script}])
        if script == ["exit 1"]:
            with pytest.raises(CaptureFailed, match="exit code 1"):
                await captured
        else:
            await captured
        return made

    for script in (["exit 0"], ["exit 1"]):
        made = virtually(story(script))
        [attached] = resources(made)[GOLDEN.lower()]["properties"]["storageProfile"]["dataDisks"]
        assert attached["name"] == "apps"
        version = resources(made).get(VERSION.lower())
        assert (version is None) == (script == ["exit 1"])
        assert version is None or "dataDiskImages" not in version["properties"]["storageProfile"]
        assert len(kept(made, "snapshots")) == (2 if version is not None else 1)


def test_the_version_is_replicated_while_a_machine_of_it_is_tested_and_offered_when_that_passes() -> None:
    async def story() -> GoldenVm:
        made = await golden_vm()
        await made.capture(boot_test={"script": ["Write-Output 'well'"]}, regions=TWO_REGIONS)
        return made

    made = virtually(story())
    done = [kind_of_write(each) for each in made.wire.exchanges if each.write]
    patches = [number for number, kind in enumerate(done) if kind == "PATCH galleries/images/versions"]
    tested = done.index("PUT virtualmachines", done.index("PUT galleries/images/versions"))
    assert len(patches) == 2 and patches[0] < tested < patches[1]
    [put] = [each for each in made.wire.exchanges if kind_of_write(each) == "PUT galleries/images/versions"][:1]
    assert put.body is not None
    first = put.body["properties"]["publishingProfile"]
    assert first["excludeFromLatest"] and [region["name"] for region in first["targetRegions"]] == ["westeurope"]
    version = resources(made)[VERSION.lower()]
    assert not version["properties"]["publishingProfile"]["excludeFromLatest"]
    assert version["tags"][names.BOOT_TEST] == "passed"
    assert "Boot-test-Passw0rd!" not in json.dumps([version, *(event.data for event in made.events)])


def test_a_version_that_never_comes_up_is_excluded_and_said_so_by_each_further_run() -> None:
    async def story() -> None:
        made = await golden_vm()
        rule = {"id": "f", "effect": {"type": "guest", "image": r"1\.0\.2$", "fault": "never_provisions"}}
        made.control("POST", "faults", {"seed": 1, "rules": [rule]})
        with pytest.raises(CaptureFailed, match=r"its boot test failed: it was not set up: OSProvisioningTimedOut"):
            await made.capture(boot_test={})
        count = len(writes(made))
        with pytest.raises(CaptureFailed, match=r"excluded from latest. Mend the golden VM"):
            await made.capture(boot_test={})
        assert len(writes(made)) == count
        assert resources(made)[VERSION.lower()]["properties"]["publishingProfile"]["excludeFromLatest"]
        assert not [key for key in resources(made) if "avdcap-" in key]

    virtually(story())


def test_a_boot_test_that_is_declared_later_tests_the_version_that_is_there() -> None:
    async def story() -> GoldenVm:
        made = await golden_vm()
        await made.capture()
        await made.capture(boot_test={"script": ["exit 0"]})
        return made

    made = virtually(story())
    assert resources(made)[VERSION.lower()]["tags"][names.BOOT_TEST] == "passed"
    assert writes(made).count("PUT galleries/images/versions") == 1 and len(kept(made, "snapshots")) == 2


def test_a_write_that_is_refused_while_it_fails_does_not_keep_it_from_being_undone() -> None:
    """The record that the capture has failed is written against a VM that somebody else has just changed."""

    async def story() -> GoldenVm:
        made = await golden_vm()
        effect = {"type": "status", "status": 412, "code": "PreconditionFailed"}
        rule = {"id": "f", "method": "PATCH", "path": r"virtualMachines/golden\?", "nth": [3, 4], "effect": effect}
        made.control("POST", "faults", {"seed": 1, "rules": [rule]})
        with pytest.raises(CaptureFailed, match="office ended with exit code 1\nno licence"):
            await made.capture(updates=[{"name": "office", "script": ["Write-Output 'no licence'", "exit 1"]}])
        return made

    made = virtually(story())
    assert sum(each.status == 412 for each in made.wire.exchanges) == 2
    assert resources(made)[GOLDEN.lower()]["tags"] == {"owner": "desktop-team"}
