"""The demo's verdict: each check passes a rollout that went well, and fails on the smallest thing that did not."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from demo.verify import Evidence, checks

GROUP = "/subscriptions/s/resourceGroups/avd"
POOL = f"{GROUP}/providers/Microsoft.DesktopVirtualization/hostPools/hp1"
UPDATER = "e0000000-0000-4000-8000-000000000001"
State = dict[str, Any]
Change = Callable[[Evidence], None]


def vm_id(name: str) -> str:
    return f"{GROUP}/providers/Microsoft.Compute/virtualMachines/{name}"


def disk_id(name: str) -> str:
    return f"{GROUP}/providers/Microsoft.Compute/disks/{name}"


def nic_id(name: str) -> str:
    return f"{GROUP}/providers/Microsoft.Network/networkInterfaces/{name}-nic"


def record_id(name: str) -> str:
    return f"{POOL}/sessionHosts/{name}.contoso.com"


def image(version: str) -> str:
    return f"{GROUP}/providers/Microsoft.Compute/galleries/avd/images/win11/versions/{version}"


def vm(name: str, os_disk: str, **changes: Any) -> State:
    disk = {"name": os_disk, "managedDisk": {"id": disk_id(os_disk)}, "caching": "ReadWrite"}
    data = [{"lun": 0, "managedDisk": {"id": disk_id(f"{name}-data")}}]
    properties = {
        "vmId": f"guid-{name}",
        "provisioningState": "Succeeded",
        "hardwareProfile": {"vmSize": "Standard_D4s_v5"},
        "networkProfile": {"networkInterfaces": [{"id": nic_id(name)}]},
        "securityProfile": {"securityType": "TrustedLaunch"},
        "storageProfile": {"osDisk": disk, "dataDisks": data},
    }
    agent = {"type": "AzureMonitorWindowsAgent", "publisher": "Microsoft.Azure.Monitor", "settings": {"a": 1}}
    return {
        "id": vm_id(name),
        "name": name,
        "type": "Microsoft.Compute/virtualMachines",
        "location": "westeurope",
        "zones": ["1"],
        "etag": '"1"',
        "tags": {"owner": "desktop-team"},
        "identity": {"type": "SystemAssigned"},
        "properties": properties,
        "resources": [{"name": "monitor", "properties": {**agent, "provisioningState": "Succeeded"}}],
    }


def disk(name: str) -> State:
    return {"id": disk_id(name), "name": name, "type": "Microsoft.Compute/disks", "tags": {}, "properties": {}}


def nic(name: str) -> State:
    configuration = {"name": "ipconfig", "properties": {"privateIPAddress": "10.0.0.4"}}
    return {
        "id": nic_id(name),
        "name": f"{name}-nic",
        "type": "Microsoft.Network/networkInterfaces",
        "etag": '"1"',
        "properties": {"ipConfigurations": [configuration], "enableAcceleratedNetworking": True},
    }


def session_host(name: str) -> State:
    properties = {
        "resourceId": vm_id(name),
        "allowNewSession": True,
        "status": "Available",
        "friendlyName": "desk",
        "lastHeartBeat": "2026-01-12T20:00:00Z",
    }
    kind = "Microsoft.DesktopVirtualization/hostpools/sessionhosts"
    return {"id": record_id(name), "name": f"hp1/{name}.contoso.com", "type": kind, "properties": properties}


def guest(os_disk: str, version: str) -> State:
    state = {"booted": True, "provisioned": True, "joined": True, "registered": True}
    return {**state, "osDiskId": disk_id(os_disk), "imageVersionId": image(version)}


def state(os_disk: Callable[[str], str], version: str) -> State:
    """A pool of two hosts on disks of one version."""
    pool: State = {
        "id": POOL,
        "name": "hp1",
        "type": "Microsoft.DesktopVirtualization/hostpools",
        "tags": {},
        "properties": {"maxSessionLimit": 16, "vmTemplate": version},
    }
    resources: list[State] = [pool]
    for name in ("vm-0", "vm-1"):
        resources += [vm(name, os_disk(name)), nic(name), session_host(name), disk(f"{name}-data"), disk(f"{name}-old")]
    guests = {f"guid-{name}": guest(os_disk(name), version) for name in ("vm-0", "vm-1")}
    return {"resources": {body["id"].lower(): body for body in resources}, "guests": guests}


def evidence() -> Evidence:
    """A rollout from 1.0.0 to 1.0.1 that went well."""
    after = state(lambda name: f"{name}-new", "1.0.1")
    for body in (disk("vm-0-new"), disk("vm-1-new"), gallery()):
        after["resources"][body["id"].lower()] = body
    after["resources"][POOL.lower()]["tags"] = {"avd-rollout": "the record"}
    swap = {"principal": UPDATER, "method": "PATCH", "path": vm_id("vm-0"), "status": 200, "action": "write"}
    other = {"principal": "deployer", "method": "GET", "path": "/x", "status": 403, "action": "read"}
    return Evidence(
        before=state(lambda name: f"{name}-old", "1.0.0"),
        after=after,
        version="1.0.1",
        updater=UPDATER,
        requests=[swap, other],
        session_events=[{"event": "forced_logoff", "time": "t", "user": "u", "host": "vm-0"}],
        capacity=[{"unavailable": 1}, {"unavailable": 0}],
        max_unavailable=1,
    )


def gallery() -> State:
    path = f"{GROUP}/providers/Microsoft.Compute/galleries/avd"
    return {"id": path, "name": "avd", "type": "Microsoft.Compute/galleries"}


def problems(given: Evidence) -> dict[str, tuple[str, ...]]:
    """The problems by title, of the checks that have any."""
    return {check.title: check.problems for check in checks(given) if check.problems}


def after(given: Evidence, resource_id: str) -> State:
    return dict.__getitem__(given.after["resources"], resource_id.lower())


def put(given: Evidence, body: State) -> None:
    given.after["resources"][body["id"].lower()] = body


def remove(given: Evidence, resource_id: str) -> None:
    del given.after["resources"][resource_id.lower()]


def extension(name: str) -> State:
    kind = "Microsoft.Compute/virtualMachines/extensions"
    return {"id": f"{vm_id('vm-0')}/extensions/{name}", "name": name, "type": kind, "properties": {"type": "DSC"}}


SERVING = "every host serves on the new disk"
IDENTITY = "same VM id, name, NIC and IP address"
UNCHANGED = "everything not declared is as it was"
LEFTOVERS = "nothing is left over"

WRONG: list[tuple[str, str, Change]] = [
    (SERVING, "vm-1: not in the pool", lambda e: remove(e, record_id("vm-1"))),
    (SERVING, "vm-0: guest is", lambda e: e.after["guests"]["guid-vm-0"].update(booted=False)),
    (SERVING, "vm-0: guest is", lambda e: e.after["guests"]["guid-vm-0"].update(joined=False)),
    (SERVING, "vm-0: guest is", lambda e: e.after["guests"]["guid-vm-0"].update(registered=False)),
    (SERVING, "vm-0: runs", lambda e: e.after["guests"]["guid-vm-0"].update(imageVersionId=image("1.0.0"))),
    (SERVING, "still on its old disk", lambda e: e.after["guests"]["guid-vm-0"].update(osDiskId=disk_id("vm-0-old"))),
    (SERVING, "still on its old disk", lambda e: put(e, vm("vm-0", "vm-0-old"))),
    (SERVING, "vm-1: Unavailable", lambda e: after(e, record_id("vm-1"))["properties"].update(status="Unavailable")),
    (
        SERVING,
        "vm-1: allowNewSession is False",
        lambda e: after(e, record_id("vm-1"))["properties"].update(allowNewSession=False),
    ),
    (IDENTITY, "vm-0: the VM is gone", lambda e: remove(e, vm_id("vm-0"))),
    (IDENTITY, "properties.vmId was", lambda e: after(e, vm_id("vm-0"))["properties"].update(vmId="guid-vm-1")),
    (IDENTITY, "zones was", lambda e: after(e, vm_id("vm-0")).update(zones=["2"])),
    (
        IDENTITY,
        "properties.networkProfile was",
        lambda e: after(e, vm_id("vm-0"))["properties"].update(networkProfile={"networkInterfaces": []}),
    ),
    (IDENTITY, "NIC vm-0-nic differs", lambda e: remove(e, nic_id("vm-0"))),
    (
        IDENTITY,
        "NIC vm-0-nic differs",
        lambda e: after(e, nic_id("vm-0"))["properties"]["ipConfigurations"][0]["properties"].update(
            privateIPAddress="10.0.0.9"
        ),
    ),
    (
        IDENTITY,
        "NIC vm-0-nic differs: properties.enableAcceleratedNetworking was True",
        lambda e: after(e, nic_id("vm-0"))["properties"].update(enableAcceleratedNetworking=False),
    ),
    (UNCHANGED, "vm-0: tags.owner", lambda e: after(e, vm_id("vm-0"))["tags"].update(owner="somebody")),
    (UNCHANGED, "vm-0: identity", lambda e: after(e, vm_id("vm-0")).update(identity=None)),
    (
        UNCHANGED,
        "properties.hardwareProfile.vmSize",
        lambda e: after(e, vm_id("vm-0"))["properties"]["hardwareProfile"].update(vmSize="Standard_D2s_v5"),
    ),
    (
        UNCHANGED,
        "properties.securityProfile",
        lambda e: after(e, vm_id("vm-0"))["properties"].pop("securityProfile"),
    ),
    (
        UNCHANGED,
        "properties.storageProfile.dataDisks",
        lambda e: after(e, vm_id("vm-0"))["properties"]["storageProfile"]["dataDisks"][0].update(lun=1),
    ),
    (
        UNCHANGED,
        "properties.storageProfile.osDisk.caching",
        lambda e: after(e, vm_id("vm-0"))["properties"]["storageProfile"]["osDisk"].update(caching="None"),
    ),
    (UNCHANGED, "vm-0: extensions.monitor", lambda e: after(e, vm_id("vm-0")).update(resources=[])),
    (
        UNCHANGED,
        "vm-0: extensions.monitor.settings.a",
        lambda e: after(e, vm_id("vm-0"))["resources"][0]["properties"]["settings"].update(a=2),
    ),
    (UNCHANGED, "vm-0-data: tags", lambda e: after(e, disk_id("vm-0-data"))["tags"].update(new="tag")),
    (UNCHANGED, "hp1: properties.maxSessionLimit", lambda e: after(e, POOL)["properties"].update(maxSessionLimit=1)),
    (UNCHANGED, "hp1: tags", lambda e: after(e, POOL)["tags"].update(other="tag")),
    (
        UNCHANGED,
        "properties.friendlyName",
        lambda e: after(e, record_id("vm-0"))["properties"].update(friendlyName=None),
    ),
    (LEFTOVERS, "disks vm-0-tmp", lambda e: put(e, disk("vm-0-tmp"))),
    (LEFTOVERS, "avdtmp-1", lambda e: put(e, vm("avdtmp-1", "x"))),
    (LEFTOVERS, "avdtmp-1-nic", lambda e: put(e, nic("avdtmp-1"))),
    (LEFTOVERS, "extensions join", lambda e: put(e, extension("join"))),
    (LEFTOVERS, "disk vm-0-old, the way back, is gone", lambda e: remove(e, disk_id("vm-0-old"))),
    (LEFTOVERS, "vm-0: tag avd-rollout", lambda e: after(e, vm_id("vm-0"))["tags"].update({"avd-rollout": "x"})),
]


def test_a_rollout_that_went_well_passes_every_check() -> None:
    assert problems(evidence()) == {}


def test_every_check_is_in_the_table_of_what_can_be_wrong() -> None:
    by_literal = {title for title, _, _ in WRONG}
    assert len(checks(evidence())) == len(by_literal) + 3  # the three below


@pytest.mark.parametrize(("title", "told", "change"), WRONG, ids=[f"{told}" for _, told, _ in WRONG])
def test_the_smallest_wrong_state_is_told_by_its_check(title: str, told: str, change: Change) -> None:
    given = copy.deepcopy(evidence())
    change(given)
    found = problems(given)
    assert title in found
    assert any(told in line for line in found[title]), found[title]


def test_what_changes_by_itself_is_no_problem() -> None:
    given = copy.deepcopy(evidence())
    after(given, vm_id("vm-0"))["etag"] = '"2"'
    after(given, vm_id("vm-0"))["properties"]["provisioningState"] = "Updating"
    after(given, nic_id("vm-0"))["etag"] = '"2"'
    after(given, record_id("vm-0"))["properties"]["lastHeartBeat"] = "2026-01-12T22:00:00Z"
    assert problems(given) == {}


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_call_of_the_updater_is_told_with_its_action(status: int) -> None:
    given = evidence()
    call = {"principal": UPDATER, "method": "DELETE", "path": disk_id("x"), "status": status, "action": "disks/delete"}
    found = problems(replace(given, requests=[*given.requests, call]))
    told = (f"DELETE {disk_id('x')}: disks/delete",)
    assert found == {"every call of the updater was allowed by the custom role": told}


def test_an_updater_that_did_nothing_proves_nothing() -> None:
    given = evidence()
    deployers = [{**call, "principal": "deployer"} for call in given.requests]
    assert "the updater made no call that swaps a disk" in problems(replace(given, requests=deployers)).popitem()[1]


def test_a_user_who_was_cut_off_is_named() -> None:
    cut = [{"event": "cut_off", "time": "2026-01-12T21:00:00Z", "user": "ann", "host": "vm-1"}]
    found = problems(replace(evidence(), session_events=cut))
    assert found == {"nobody was cut off": ("2026-01-12T21:00:00Z ann on vm-1",)}


def test_one_host_too_many_out_of_service_is_told() -> None:
    found = problems(replace(evidence(), capacity=[{"unavailable": 2}]))
    assert found == {"max_unavailable was kept": ("2 hosts were unavailable at once, 1 allowed",)}
