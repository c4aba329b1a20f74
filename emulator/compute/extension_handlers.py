"""What extensions do inside the guest, by publisher and type.

Known: the AVD agent by DSC (`AddSessionHost`), domain join (JsonADDomainExtension), Microsoft Entra join
(AADLoginForWindows), CustomScriptExtension (its command is run as a script), monitoring and the rest, which succeed and
change nothing. Facts: Azure/RDS-Templates (Configuration.zip), azure-docs virtual-desktop/troubleshoot-agent.
"""

from __future__ import annotations

import ntpath
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from emulator import computers, durations, guest_registration, guest_scripts, guests
from emulator.compute import identities
from emulator.desktopvirtualization import agent
from emulator.wire import Body
from emulator.world import Resource, World


@dataclass(frozen=True)
class Result:
    """How a handler ended: `code` is its exit code, `message` what it reports."""

    ok: bool
    message: str
    code: int = 0


def run(world: World, vm: Resource, extension: Resource) -> Result:
    """Carry out an extension in the guest of a VM."""
    return _handler(extension)(world, vm, extension)


def seconds(world: World, vm: Resource, extension: Resource) -> float:
    """How long it takes."""
    kind = str(extension.body["properties"]["type"]).lower()
    if vm.body["properties"]["storageProfile"]["osDisk"]["osType"] != "Windows":
        return durations.draw(world, "extension linux", vm.id)
    if kind == "jsonaddomainextension":
        return durations.draw(world, "extension ad join", vm.id)
    if kind == "aadloginforwindows":
        return durations.draw(world, "extension entra join", vm.id)
    if kind == "azuremonitorwindowsagent":
        return durations.draw(world, "extension monitor", vm.id)
    if _adds_session_host(extension) and guests.content_of(world, vm.id)["registered_pool"] is None:
        total = durations.draw(world, "extension avd agent", vm.id)
        if str(_find(extension.body["properties"].get("settings"), "aadJoin")).lower() == "true":
            total += durations.draw(world, "extension avd agent entra wait", vm.id)
        guest = guests.guest_of(world, vm.body["properties"]["vmId"])
        return total + (guest.fault_seconds("agent_slow") if guest else 0.0)
    return durations.draw(world, "extension windows", vm.id)


def _handler(extension: Resource) -> Callable[[World, Resource, Resource], Result]:
    kind = str(extension.body["properties"]["type"]).lower()
    if kind == "dsc" and _adds_session_host(extension):
        return _add_session_host
    table: dict[str, Callable[[World, Resource, Resource], Result]] = {
        "jsonaddomainextension": _join_domain,
        "aadloginforwindows": _join_entra,
        "customscriptextension": _custom_script,
    }
    return table.get(kind, _succeed)


def _succeed(world: World, vm: Resource, extension: Resource) -> Result:
    return Result(True, "Enable succeeded.")


def _adds_session_host(extension: Resource) -> bool:
    function = str(_find(extension.body["properties"].get("settings"), "configurationFunction") or "")
    return ntpath.basename(function).lower() == "addsessionhost"


def _add_session_host(world: World, vm: Resource, extension: Resource) -> Result:
    """Install the AVD agent with the token of the settings. On a machine whose agent believes itself registered the
    script does nothing and reports success."""
    settings = extension.body["properties"].get("settings")
    token = _token(settings) or _token(extension.hidden.get("protectedSettings"))
    error = guest_registration.register(world, vm, token or "")
    if error is None:
        return Result(True, "DSC configuration completed.")
    return Result(
        False,
        "DSC Configuration 'AddSessionHost' completed with error(s). Following are the first few: PowerShell DSC "
        "resource MSFT_ScriptResource failed to execute Set-TargetResource functionality with error message: One or "
        "more errors occurred. The SendConfigurationApply function did not succeed. RDAgent registration failed: "
        f"{error}",
        1,
    )


def _join_domain(world: World, vm: Resource, extension: Resource) -> Result:
    """Join the domain, with the one reboot that is part of the time it takes.

    On a machine that is joined already the join resets the computer's secret in the directory, and the machine goes on
    with the old one: the trust is broken (Azure/azure-devtestlab#909).
    """
    settings: Body = extension.body["properties"].get("settings") or {}
    secret: Body = extension.hidden.get("protectedSettings") or {}
    domain = str(_find(settings, "Name") or "")
    user, password = str(_find(settings, "User") or ""), str(_find(secret, "Password") or "")
    content = guests.content_of(world, vm.id)
    name = str(content["computer_name"] or guests.computer_name_of(vm))
    if not domain:
        return Result(False, "The domain name is missing in the settings.", 51)
    code = 1722 if guests.has_fault(world, vm, "join_fails") else computers.join_error(world, name, user, password)
    if code is not None:
        return Result(
            False, f"Exception(s) occurred while joining Domain '{domain}': error {code} ({_WIN32[code]})", 53
        )
    was_joined = content["secret_generation"] is not None
    generation = computers.join_ad(world, name, user)
    if not was_joined:
        content["secret_generation"] = generation
    agent.recheck(world, vm)
    return Result(True, f"Join completed for Domain '{domain}'")


_WIN32 = {
    1326: "The user name or password is incorrect",
    1722: "The RPC server is unavailable",
    2732: "An account with the same name exists in Active Directory. Re-using it was blocked by security policy",
}


def _join_entra(world: World, vm: Resource, extension: Resource) -> Result:
    """Join Microsoft Entra ID by the VM's own identity. A live device of the same name stands in the way."""
    content = guests.content_of(world, vm.id)
    name = str(content["computer_name"] or guests.computer_name_of(vm))
    if not identities.has_system_assigned(vm):
        return Result(False, "AAD Join failed: the virtual machine has no system-assigned managed identity.", 1)
    if guests.has_fault(world, vm, "join_fails"):
        return Result(False, "AAD Join failed: the device registration service could not be reached.", 1)
    if content["device_generation"] is not None and content["device_generation"] == computers.device_generation(
        world, name
    ):
        return Result(True, "Machine is already joined to Microsoft Entra ID.")
    if computers.device_of(world, name) is not None:
        return Result(
            False,
            f"AAD Join failed: Another object with the same value for property hostnames already exists. ({name})",
            1,
        )
    content["device_generation"] = computers.register_device(world, name, vm.id)
    agent.recheck(world, vm)
    return Result(True, "Successfully joined Microsoft Entra ID.")


def _custom_script(world: World, vm: Resource, extension: Resource) -> Result:
    settings = extension.body["properties"].get("settings")
    command = _find(extension.hidden.get("protectedSettings"), "commandToExecute") or _find(
        settings, "commandToExecute"
    )
    outcome = guest_scripts.run(world, vm, str(command or ""), {})
    if outcome.exit_code == 0:
        return Result(True, "Finished executing command")
    return Result(
        False,
        f"Command execution finished, but failed because it returned a non-zero exit code of: '{outcome.exit_code}'.",
        outcome.exit_code,
    )


def _token(settings: Any) -> str | None:
    """The registration token in settings or protected settings of the DSC extension, wherever its authors put it:
    `properties.registrationInfoToken`, a credential's password, or `Items.<name>` (a PrivateSettingsRef names one)."""
    direct = _find(settings, "registrationInfoToken")
    if isinstance(direct, str) and direct and not direct.startswith("PrivateSettingsRef:"):
        return direct
    credential = _find(settings, "registrationInfoTokenCredential")
    if isinstance(credential, dict):
        password = _find(credential, "Password")
        if isinstance(password, str) and password and not password.startswith("PrivateSettingsRef:"):
            return password
    items = _find(settings, "Items")
    if isinstance(items, dict):
        return next((str(value) for key, value in items.items() if "token" in key.lower()), None)
    return None


def _find(value: Any, name: str) -> Any:
    """The first member of that name, without case, at any depth."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key.lower() == name.lower():
                return item
        for item in value.values():
            found = _find(item, name)
            if found is not None:
                return found
    if isinstance(value, list):
        for item in value:
            found = _find(item, name)
            if found is not None:
                return found
    return None
