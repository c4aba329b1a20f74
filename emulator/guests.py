"""What runs inside the virtual machines: boot, provisioning, the VM agent, domain trust.

A machine (`Machine`) belongs to a VM and holds power and boot state; what Windows remembers lives in the content of the
OS disk, a dict under the disk's `hidden["content"]`, so that it goes where the disk goes:

    image              the id the disk was made from (gallery version, managed image, platform image version)
    generalized        sysprepped: boots to setup, which only a VM created FromImage with an osProfile completes
    provisioned        that setup has been completed
    computer_name, local_admin, time_zone, no_auto_update      what setup left
    secret_generation  AD: generation of the computer secret at the last join, None if never joined
    device_generation  Entra: the same for the device
    agent, registered_pool, registration_token     AVD agent installed; the pool it believes itself registered with
    partition_gb       size of the system partition
    extensions_ran     marks of extensions and run commands that ran on this disk (they replay on a disk without)
    pending_reboot     boots after which Windows waits for no restart any more
    registry           other values written by scripts, {"path\\name" in lower case: value}

A guest that is generalized and was never provisioned does not come up on a plain boot (inferred: a swapped-in disk of
a sysprepped image waits at the out-of-box experience). Fault rules of type `guest` act from one boot to the next.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from emulator import capacity, computers, durations, faults
from emulator.desktopvirtualization import agent
from emulator.wire import Body
from emulator.world import Handler, Resource, World

PROVISIONING_TIMEOUT = 20 * 60.0
"""Seconds after which a VM create without a sign from the guest fails (OSProvisioningTimedOut, recording of 2015)."""


@dataclass
class Machine:
    """Power and boot state of one VM. `boot` counts boots, so that events of an earlier one are ignored."""

    vm_id: str
    power: str = "starting"
    booted: bool = False
    agent_ready: bool = False
    boot: int = 0
    booted_at: float | None = None
    stopped_at: float | None = None
    started_at: float | None = None
    reported: bool = False
    """Whether the VM agent has ever reported: the platform goes on showing its last word for a while."""
    faults: list[Body] = field(default_factory=list)
    begun: list[list[Any]] = field(default_factory=list)
    """[boot, mark] of the extensions and run commands that were begun; of the current boot only."""


@dataclass(frozen=True)
class Guest:
    """What a machine and its OS disk come to. `power`: starting, running, stopped or deallocated."""

    vm_id: str
    vm_guid: str
    power: str
    booted: bool
    agent_ready: bool
    provisioned: bool
    joined: bool
    """Domain or device membership that works: the disk's secret is the directory's current one."""
    join_type: str | None
    """`ad`, `entra` or None: what the disk believes."""
    registered: bool
    registered_pool: str | None
    os_disk_id: str
    image_version_id: str | None
    computer_name: str
    boot: int
    booted_at: float | None
    faults: tuple[str, ...]
    _effects: tuple[Body, ...] = ()

    @property
    def trust_broken(self) -> bool:
        """Joined once, but another disk of this name has joined since."""
        return self.join_type is not None and not self.joined

    def fault_seconds(self, name: str) -> float:
        """The seconds of a fault of this boot (`agent_slow`), 0 without it."""
        return sum(float(e.get("seconds", 600)) for e in self._effects if e["fault"] == name)


def new_content(*, image: str | None, generalized: bool) -> Body:
    """The content of an OS disk that nobody has used yet."""
    return {
        "image": image,
        "generalized": generalized,
        "provisioned": False,
        "computer_name": None,
        "local_admin": None,
        "time_zone": "UTC",
        "no_auto_update": False,
        "secret_generation": None,
        "device_generation": None,
        "agent": False,
        "registered_pool": None,
        "registration_token": None,
        "partition_gb": None,
        "extensions_ran": [],
        "registry": {},
    }


# -- reading


def machines(world: World) -> dict[str, Machine]:
    """All machines by vmId."""
    table: dict[str, Machine] = world.sections.setdefault("guests", {})
    return table


def machine_of(world: World, vm: Resource) -> Machine:
    """The machine of a VM resource, made at first use."""
    guid = vm.body["properties"]["vmId"]
    table = machines(world)
    if guid not in table:
        table[guid] = Machine(vm.id)
    return table[guid]


def os_disk_of(world: World, vm: Resource) -> Resource | None:
    """The OS disk that is attached to a VM."""
    disk_id = vm.body["properties"]["storageProfile"]["osDisk"].get("managedDisk", {}).get("id")
    return world.get(disk_id) if disk_id else None


def content_of(world: World, vm_id: str) -> Body:
    """The content of the OS disk of a VM (to read and to change); an empty one where there is no disk."""
    vm = world.get(vm_id)
    disk = os_disk_of(world, vm) if vm else None
    if disk is None:
        return new_content(image=None, generalized=False)
    content: Body = disk.hidden.setdefault("content", new_content(image=None, generalized=False))
    return content


def guest_of(world: World, vm_guid: str) -> Guest | None:
    """The guest of a vmId; None for one that never was or whose VM is gone."""
    machine = machines(world).get(vm_guid)
    vm = world.get(machine.vm_id) if machine else None
    if machine is None or vm is None:
        return None
    content = content_of(world, vm.id)
    disk_id = vm.body["properties"]["storageProfile"]["osDisk"].get("managedDisk", {}).get("id", "")
    name = str(content["computer_name"] or computer_name_of(vm))
    join_type, joined = _membership(world, content, name)
    return Guest(
        vm_id=vm.id,
        vm_guid=vm_guid,
        power=machine.power,
        booted=machine.booted,
        agent_ready=machine.agent_ready,
        provisioned=bool(content["provisioned"]),
        joined=joined,
        join_type=join_type,
        registered=content["registered_pool"] is not None,
        registered_pool=content["registered_pool"],
        os_disk_id=disk_id,
        image_version_id=content["image"],
        computer_name=name,
        boot=machine.boot,
        booted_at=machine.booted_at,
        faults=tuple(effect["fault"] for effect in machine.faults),
        _effects=tuple(machine.faults),
    )


def all_of(world: World) -> list[Guest]:
    """The guests of all VMs there are."""
    return [guest for guid in list(machines(world)) if (guest := guest_of(world, guid)) is not None]


def computer_name_of(vm: Resource) -> str:
    """The name in the VM's osProfile, else the VM's name."""
    return str(vm.body["properties"].get("osProfile", {}).get("computerName") or vm.body["name"])


def has_fault(world: World, vm: Resource, name: str) -> bool:
    """Whether a guest fault of this boot has that name."""
    return fault(world, vm, name) is not None


def fault(world: World, vm: Resource, name: str) -> Body | None:
    """The effect of this boot's guest fault of that name, if there is one."""
    return next((effect for effect in machine_of(world, vm).faults if effect["fault"] == name), None)


def _membership(world: World, content: Body, name: str) -> tuple[str | None, bool]:
    if content["secret_generation"] is not None:
        return "ad", content["secret_generation"] == computers.ad_generation(world, name)
    if content["device_generation"] is not None:
        return "entra", content["device_generation"] == computers.device_generation(world, name)
    return None, False


# -- power


def power_on(world: World, vm: Resource) -> None:
    """The VM runs and the guest starts from its disk, unless it never will."""
    machine = machine_of(world, vm)
    machine.power = "running"
    machine.started_at = world.now
    _begin_boot(world, vm, machine)
    content = content_of(world, vm.id)
    stuck = content["generalized"] and not content["provisioned"]
    if not stuck and not has_fault(world, vm, "never_boots"):
        seconds = durations.draw(world, "guest boot", vm.id)
        world.schedule(seconds, "guests.booted", vm_id=vm.id, boot=machine.boot)
    capacity.touch(world, vm.id)


def power_off(world: World, vm: Resource, *, deallocate: bool) -> None:
    """The guest is down. AVD is told: sessions on it end, its record goes Shutdown or Unavailable."""
    machine = machine_of(world, vm)
    was_up = machine.booted
    machine.power = "deallocated" if deallocate else "stopped"
    machine.booted = machine.agent_ready = False
    machine.boot += 1
    machine.stopped_at = world.now
    if was_up:
        agent.stopped(world, vm)
    capacity.touch(world, vm.id)


def reboot(world: World, vm: Resource) -> None:
    """Down and up again under a running VM (restart, or a swap under a running VM)."""
    power_off(world, vm, deallocate=False)
    power_on(world, vm)


def begin_provisioning(world: World, vm: Resource) -> bool:
    """First boot of a VM made from a generalized image; False if it will never report (a fault rule)."""
    machine = machine_of(world, vm)
    machine.power = "running"
    _begin_boot(world, vm, machine)
    return not (has_fault(world, vm, "never_boots") or has_fault(world, vm, "never_provisions"))


def provisioned(world: World, vm: Resource, profile: Body) -> None:
    """Setup has ended: the osProfile is on the disk, the guest is up, the VM agent follows."""
    content = content_of(world, vm.id)
    windows = profile.get("windowsConfiguration") or {}
    patch_mode = str((windows.get("patchSettings") or {}).get("patchMode") or "").lower()
    content.update(
        generalized=False,
        provisioned=True,
        computer_name=computer_name_of(vm),
        local_admin=profile.get("adminUsername"),
        time_zone=windows.get("timeZone") or "UTC",
        # enableAutomaticUpdates is true unless said otherwise; AutomaticByPlatform and Manual switch Windows' own off.
        no_auto_update=windows.get("enableAutomaticUpdates") is False
        or patch_mode in ("manual", "automaticbyplatform"),
    )
    disk = os_disk_of(world, vm)
    if disk is not None and content["partition_gb"] is None:
        content["partition_gb"] = disk.body["properties"].get("diskSizeGB")
    machine = machine_of(world, vm)
    _booted(world, vm.id, machine.boot)


def adopt(world: World, vm_id: str, power: str = "running") -> None:
    """Make the machine of a VM that was put into the world ready-made (a scenario), as if it had run for long.

    `power` is running, stopped or deallocated. The VM's extensions count as run on its disk.
    """
    vm = world.get(vm_id)
    assert vm is not None
    machine = machine_of(world, vm)
    machine.power = power
    machine.booted = machine.agent_ready = power == "running"
    machine.reported = True
    machine.booted_at = world.now if power == "running" else None
    content = content_of(world, vm_id)
    for child in (*world.under(vm_id, EXTENSION_TYPE), *world.under(vm_id, RUN_COMMAND_TYPE)):
        content["extensions_ran"].append(mark_of(child))


def forget(world: World, vm: Resource) -> None:
    """The VM is deleted."""
    machine = machine_of(world, vm)
    was_up = machine.booted
    machine.booted = machine.agent_ready = False
    machine.boot += 1
    machine.power = "deallocated"
    if was_up:
        agent.stopped(world, vm)
    machines(world).pop(vm.body["properties"]["vmId"], None)
    capacity.leave(world, vm.id)


# -- extensions that this disk has not seen

INSTANCE_TYPE = "Microsoft.Compute/virtualMachineScaleSets/virtualMachines"
EXTENSION_TYPE = "Microsoft.Compute/virtualMachines/extensions"
RUN_COMMAND_TYPE = "Microsoft.Compute/virtualMachines/runCommands"


def next_sequence(world: World) -> int:
    """A number that no earlier write of an extension had, not even of a deleted one of the same name."""
    number = int(world.sections.get("extension_sequence", 1)) + 1
    world.sections["extension_sequence"] = number
    return number


def mark_of(child: Resource) -> str:
    """What a disk remembers of an extension that ran on it: its id and which write of it (1 for a scenario's)."""
    return f"{child.id.lower()}#{child.hidden.get('sequence', 1)}"


def to_replay(world: World, vm: Resource) -> list[Resource]:
    """Extensions and run commands of the VM that never ran on the attached disk (azure-sdk-for-net#51086)."""
    ran = content_of(world, vm.id)["extensions_ran"]
    children = (*world.under(vm.id, EXTENSION_TYPE), *world.under(vm.id, RUN_COMMAND_TYPE))
    return [child for child in children if mark_of(child) not in ran]


# -- events


def _begin_boot(world: World, vm: Resource, machine: Machine) -> None:
    machine.boot += 1
    machine.begun.clear()
    machine.booted = machine.agent_ready = False
    content = content_of(world, vm.id)
    name = str(content["computer_name"] or computer_name_of(vm))
    machine.faults = list(faults.guest(world, name, content["image"]))


def _current(world: World, vm_id: str, boot: int) -> tuple[Resource, Machine] | None:
    vm = world.get(vm_id)
    if vm is None:
        return None
    machine = machine_of(world, vm)
    return (vm, machine) if machine.boot == boot and machine.power == "running" else None


def _booted(world: World, vm_id: str, boot: int) -> None:
    """Event: the operating system is up."""
    current = _current(world, vm_id, boot)
    if current is None:
        return
    vm, machine = current
    machine.booted = True
    machine.booted_at = world.now
    content = content_of(world, vm_id)
    if content.get("pending_reboot"):
        content["pending_reboot"] -= 1
    world.schedule(durations.draw(world, "guest agent ready", vm_id), "guests.agent_ready", vm_id=vm_id, boot=boot)
    if content_of(world, vm_id)["registered_pool"] is not None:
        agent.booted(world, vm)


def _agent_ready(world: World, vm_id: str, boot: int) -> None:
    """Event: the VM agent reports; extensions that are new to this disk run."""
    current = _current(world, vm_id, boot)
    if current is not None:
        current[1].agent_ready = current[1].reported = True
        instance = current[0].body.get("type") == INSTANCE_TYPE
        world.handlers["scale_set_guests.ready" if instance else "vm_agent.ready"](world, vm_id=vm_id, boot=boot)


def _shut_down(world: World, vm_id: str, boot: int, restart: bool) -> None:
    """Event: the guest has gone down by itself; without a restart the VM is stopped."""
    current = _current(world, vm_id, boot)
    if current is not None:
        if restart:
            reboot(world, current[0])
        else:
            power_off(world, current[0], deallocate=False)


HANDLERS: dict[str, Handler] = {
    "guests.booted": _booted,
    "guests.agent_ready": _agent_ready,
    "guests.shut_down": _shut_down,
}


def describe(world: World) -> dict[str, dict[str, Any]]:
    """The `guests` of the control API's state, by vmId."""
    return {
        guest.vm_guid: {
            "booted": guest.booted,
            "provisioned": guest.provisioned,
            "joined": guest.joined,
            "registered": guest.registered,
            "osDiskId": guest.os_disk_id,
            "imageVersionId": guest.image_version_id,
        }
        for guest in all_of(world)
    }
