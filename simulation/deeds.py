"""What administrators, neighbours and users do while a rollout runs: each by the calls that a portal would make."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from emulator import capacity
from emulator.desktopvirtualization.broker import begin_session, broker_of, end_session, report
from emulator.scenario import SECRETS
from rollout import join, names, protection
from rollout.declaration import parse
from rollout.record import Phase, decode
from simulation.emulated_pool import COMPUTE_API, GROUP, INPUTS, POOL, EmulatedPool

AVD_API = "2024-04-03"
VM_API = "2024-11-01"
TAGS_API = "2021-04-01"
LOCK_API = "2020-05-01"
TAGS = "providers/Microsoft.Resources/tags/default"
TRIES = 40
PLAN = f"{GROUP}/providers/Microsoft.DesktopVirtualization/scalingPlans/sp1"


def vm_id(host: int | str) -> str:
    """The id of a host by its number, or by its name."""
    name = f"vm-{host}" if isinstance(host, int) else host
    return f"{GROUP}/providers/Microsoft.Compute/virtualMachines/{name}"


def session_host_id(host: int) -> str:
    return f"{POOL}/sessionHosts/vm-{host}.contoso.com"


@dataclass(frozen=True)
class Means:
    """A way to interfere. `spoils`: what the invariants may no longer ask of that host: `gone` (it is no host any
    more), `power`, `flag` (allowNewSession), `sessions` (users were cut off by the deed itself)."""

    do: Callable[[EmulatedPool, int], Awaitable[None]]
    spoils: frozenset[str] = frozenset()


async def delete_vm(made: EmulatedPool, host: int) -> None:
    made.ask("DELETE", vm_id(host), None, VM_API)


async def stop_vm(made: EmulatedPool, host: int) -> None:
    made.ask("POST", f"{vm_id(host)}/deallocate", None, VM_API)


async def start_vm(made: EmulatedPool, host: int) -> None:
    made.ask("POST", f"{vm_id(host)}/start", None, VM_API)


async def restart_vm(made: EmulatedPool, host: int) -> None:
    made.ask("POST", f"{vm_id(host)}/restart", None, VM_API)


async def undrain(made: EmulatedPool, host: int) -> None:
    made.ask("PATCH", session_host_id(host), {"properties": {"allowNewSession": True}}, AVD_API)


async def drain(made: EmulatedPool, host: int) -> None:
    made.ask("PATCH", session_host_id(host), {"properties": {"allowNewSession": False}}, AVD_API)


async def lock_vm(made: EmulatedPool, host: int) -> None:
    """For 20 minutes."""
    await _locked(made, vm_id(host), "ReadOnly", 1200)


async def lock_group(made: EmulatedPool, host: int) -> None:
    """For 10 minutes nothing in the resource group can be deleted."""
    await _locked(made, GROUP, "CanNotDelete", 600)


async def _locked(made: EmulatedPool, scope: str, level: str, seconds: float) -> None:
    lock = f"{scope}/providers/Microsoft.Authorization/locks/night"
    made.ask("PUT", lock, {"properties": {"level": level, "notes": "somebody's"}}, LOCK_API)
    await made.clock.sleep(seconds)
    made.ask("DELETE", lock, None, LOCK_API)


async def wipe_vm_tags(made: EmulatedPool, host: int) -> None:
    """A template that is applied meanwhile writes its own tags over all others."""
    made.ask("PATCH", vm_id(host), {"tags": {"costCenter": "4711", "owner": "desktop-team"}}, VM_API)


async def add_vm_tag(made: EmulatedPool, host: int) -> None:
    """A policy adds a tag: it has to survive."""
    _merge(made, vm_id(host), {"patched": "2026-01"})


async def protect(made: EmulatedPool, host: int) -> None:
    """Somebody protects the host, for half an hour."""
    _merge(made, vm_id(host), {protection.TAG: "a demonstration"})
    await made.clock.sleep(1800)
    body = {"operation": "Delete", "properties": {"tags": {protection.TAG: "a demonstration"}}}
    for _ in range(TRIES):
        if made.ask("PATCH", f"{vm_id(host)}/{TAGS}", body, TAGS_API).status in (200, 404):
            return


async def wipe_pool_tags(made: EmulatedPool, host: int) -> None:
    made.ask("PATCH", POOL, {"tags": {"costCenter": "4711", "owner": "desktop-team"}}, AVD_API)


async def delete_new_disk(made: EmulatedPool, host: int) -> None:
    """A tidy colleague deletes what is attached to nothing: the disk that was just built."""
    for key, body in made.control("GET", "state")["resources"].items():
        tags = body.get("tags") or {}
        built = "/disks/" in key and tags.get(names.DISK_HOST) == f"vm-{host}" and tags.get(names.DISK_STATE) == "ready"
        if built and not body.get("managedBy"):
            made.ask("DELETE", key, None, COMPUTE_API)


async def delete_session_host(made: EmulatedPool, host: int) -> None:
    made.ask("DELETE", session_host_id(host), None, AVD_API)


async def slip_back(made: EmulatedPool, host: int) -> None:
    """Somebody whose connection was under way lands on a host that is draining or about to be stopped, for 20 minutes
    (RDS-Templates issues 509 and 570)."""
    world, record_id = made.emulator.world, session_host_id(host).lower()
    work = decode((made.vm(f"vm-{host}").get("tags") or {}).get(names.RECORD))
    record, broker = world.get(record_id), broker_of(world, POOL)
    if record is None or not record.hidden.get("running") or work is None or work.p not in (Phase.DRAIN, Phase.RELEASE):
        return
    session = begin_session(world, broker, record_id, "CONTOSO\\late")
    report(world, broker, session, "logon")
    capacity.pool_changed(world, broker.id)
    await made.clock.sleep(1200)
    world.advance(made.clock.now())
    if broker.hosts.get(record_id, {}).get(session.number) is session and not session.lost:
        report(world, broker, session, "logoff")
        end_session(world, broker, session)
        capacity.pool_changed(world, broker.id)


async def switch_scaling_plan_on(made: EmulatedPool, host: int) -> None:
    answer = made.ask("GET", PLAN, None, AVD_API)
    if answer.status != 200:
        return  # the pool has no plan, or a fault that was meant for the engine struck
    body = answer.body
    references = [{"hostPoolArmPath": POOL, "scalingPlanEnabled": True}]
    made.ask("PUT", PLAN, {**body, "properties": {**body["properties"], "hostPoolReferences": references}}, AVD_API)


async def renew_token(made: EmulatedPool, host: int) -> None:
    """Somebody adds hosts in the portal, which renews the pool's one registration token."""
    until = made.emulator.world.iso(made.clock.now() + 4 * 3600)
    registration = {"expirationTime": until, "registrationTokenOperation": "Update"}
    made.ask("PATCH", POOL, {"properties": {"registrationInfo": registration}}, AVD_API)


async def pause(made: EmulatedPool, host: int) -> None:
    """`hostpool pause`, and an hour later `hostpool resume`."""
    _merge(made, POOL, {names.PAUSE: "an administrator"})
    await made.clock.sleep(3600)
    body = {"operation": "Delete", "properties": {"tags": {names.PAUSE: "an administrator"}}}
    made.ask("PATCH", f"{POOL}/{TAGS}", body, TAGS_API)


async def add_host(made: EmulatedPool, host: int) -> None:
    """A host is added to the pool, on the former version: NIC, VM, domain join, agent, as the portal does it."""
    nic = f"{GROUP}/providers/Microsoft.Network/networkInterfaces/added-nic"
    subnet = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/avd-vnet/subnets/hosts"
    address = {"name": "ipconfig1", "properties": {"subnet": {"id": subnet}, "privateIPAllocationMethod": "Dynamic"}}
    made.ask("PUT", nic, {"location": "westeurope", "properties": {"ipConfigurations": [address]}}, "2024-05-01")
    await made.clock.sleep(30)
    like = made.vm("vm-0")["properties"]
    vm = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/added"
    image = f"{GROUP}/providers/Microsoft.Compute/galleries/avd/images/win11/versions/1.0.0"
    properties = {
        "hardwareProfile": like["hardwareProfile"],
        "securityProfile": like["securityProfile"],
        "licenseType": "Windows_Client",
        "storageProfile": {
            "imageReference": {"id": image},
            "osDisk": {"createOption": "FromImage", "managedDisk": {"storageAccountType": "Premium_LRS"}},
        },
        "osProfile": {
            "computerName": "added",
            "adminUsername": "avdadmin",
            "adminPassword": SECRETS["local-admin-password"],
            "windowsConfiguration": like["osProfile"]["windowsConfiguration"],
        },
        "networkProfile": {"networkInterfaces": [{"id": nic}]},
    }
    made.ask("PUT", vm, {"location": "westeurope", "zones": ["1"], "properties": properties}, VM_API)
    await made.clock.sleep(600)
    registration = {
        "expirationTime": made.emulator.world.iso(made.clock.now() + 86400),
        "registrationTokenOperation": "Update",
    }
    made.ask("PATCH", POOL, {"properties": {"registrationInfo": registration}}, AVD_API)
    token = made.ask("POST", f"{POOL}/retrieveRegistrationToken", None, AVD_API).body["token"]
    declared = parse(INPUTS)
    assert declared.join is not None
    name, body = join.join_extension(declared.join, "westeurope", SECRETS["domain-join-password"])
    made.ask("PUT", f"{vm}/extensions/{name}", body, VM_API)
    await made.clock.sleep(900)
    name, body = join.agent_extension(declared.agent, declared.join, "westeurope", "hp1", token)
    made.ask("PUT", f"{vm}/extensions/{name}", body, VM_API)
    await made.clock.sleep(1800)


def _merge(made: EmulatedPool, scope: str, tags: dict[str, str]) -> None:
    """Again, where a fault of the story strikes the deed."""
    body = {"operation": "Merge", "properties": {"tags": tags}}
    for _ in range(TRIES):
        if made.ask("PATCH", f"{scope}/{TAGS}", body, TAGS_API).status in (200, 404):
            return


DEEDS: dict[str, Means] = {
    "delete_vm": Means(delete_vm, frozenset({"gone", "power", "flag", "sessions"})),
    "stop_vm": Means(stop_vm, frozenset({"power", "sessions"})),
    "start_vm": Means(start_vm, frozenset({"power"})),
    "restart_vm": Means(restart_vm, frozenset({"sessions"})),
    "undrain": Means(undrain, frozenset({"flag"})),
    "drain": Means(drain, frozenset({"flag"})),
    "lock_vm": Means(lock_vm),
    "lock_group": Means(lock_group),
    "wipe_vm_tags": Means(wipe_vm_tags, frozenset({"power", "flag"})),
    "add_vm_tag": Means(add_vm_tag),
    "protect": Means(protect),
    "wipe_pool_tags": Means(wipe_pool_tags),
    "delete_new_disk": Means(delete_new_disk),
    "delete_session_host": Means(delete_session_host, frozenset({"gone", "flag"})),
    "slip_back": Means(slip_back),
    "switch_scaling_plan_on": Means(switch_scaling_plan_on, frozenset({"power"})),
    "renew_token": Means(renew_token),
    "pause": Means(pause),
    "add_host": Means(add_host),
}
