"""Local accounts, files and sysprep inside a Windows guest: what scripts see and do of them.

Kept in the content of the OS disk (guests.py), so that it goes where the disk goes:

    local_accounts     [{"Name", "SID"}]; those made by people have a relative id of 1000 or more
    profiles           SIDs that have a profile folder
    files              {path in lower case: [lines]}
    sysprep            {"state": "running" | "failed" | "done"}; absent before the first
    rearms             how often Windows can still be generalized (learn.microsoft.com/windows-hardware/manufacture/
                       desktop/sysprep--system-preparation--overview: 1,001 times)

Sysprep runs beside the script that starts it and takes its time. With /quit the guest goes on running, generalized;
with /shutdown it stops. It fails where a profile of a local account is left, whose store apps are installed for that
user only, and where Windows cannot be rearmed any more; then its log says so. Guest faults `sysprep_fails` and
`sysprep_hangs` do as they are called. Words of the logs: public reports of failures.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from emulator import durations, guests
from emulator.powershell import Arguments
from emulator.powershell_values import listed, to_string
from emulator.wire import Body
from emulator.world import Handler, Resource, World

if TYPE_CHECKING:
    from emulator.powershell import Command

PANTHER = r"c:\windows\system32\sysprep\panther"
LOG = PANTHER + r"\setupact.log"
MACHINE = "S-1-5-21-1004336348-1177238915-682003330"
BUILT_IN = {"Administrator": 500, "Guest": 501, "DefaultAccount": 503, "WDAGUtilityAccount": 504}
APP = "Microsoft.Winget.Source_2024.1128.1102.50_neutral__8wekyb3d8bbwe"


def accounts(*names: str) -> Body:
    """The parts of a content with the built-in accounts and these, each with a profile."""
    made = [{"Name": name, "SID": f"{MACHINE}-{number}"} for name, number in BUILT_IN.items()]
    own = [{"Name": name, "SID": f"{MACHINE}-{number}"} for number, name in enumerate(names, 1001)]
    return {"local_accounts": [*made, *own], "profiles": [account["SID"] for account in own]}


def commands(world: World, vm: Resource, error: Callable[[Arguments, str], None]) -> dict[str, Command]:
    """PowerShell commands of one guest. `error` is how a command reports one."""
    content = guests.content_of(world, vm.id)

    def get_user(arguments: Arguments) -> list[Body]:
        wanted = to_string(arguments.get("name", 0)).lower()
        known = content.get("local_accounts") or []
        return [_user(each) for each in known if not wanted or each["Name"].lower() == wanted]

    def remove_user(arguments: Arguments) -> None:
        given = to_string(arguments.get("name", 0)).lower(), to_string(arguments.get("sid"))
        known = content.get("local_accounts") or []
        kept = [each for each in known if each["Name"].lower() != given[0] and each["SID"] != given[1]]
        if len(kept) == len(known):
            error(arguments, f"Remove-LocalUser : User {given[0] or given[1]} was not found.")
        elif guests.has_fault(world, vm, "accounts_stay"):
            error(arguments, f"Remove-LocalUser : Access is denied: {given[0] or given[1]}.")
        else:
            content["local_accounts"] = kept

    def remove_instance(arguments: Arguments) -> None:
        gone = {to_string(each.get("SID")) for each in arguments.piped or [] if isinstance(each, dict)}
        content["profiles"] = [sid for sid in content.get("profiles") or [] if sid not in gone]

    def get_content(arguments: Arguments) -> list[str] | None:
        lines = files(content).get(_file(arguments.get("path", 0)))
        if lines is None:
            error(arguments, f"Get-Content : Cannot find path '{to_string(arguments.get('path', 0))}'.")
            return None
        tail = arguments.get("tail")
        return list(lines[-int(tail) :] if tail else lines)

    def remove_item(arguments: Arguments) -> None:
        piped = [each.get("FullName") for each in arguments.piped or [] if isinstance(each, dict)]
        for path in (_file(each) for each in (piped or listed(arguments.get("path", 0)))):
            start = path.rstrip("*").rstrip("\\")
            for name in [each for each in files(content) if each == start or each.startswith(start + "\\")]:
                del files(content)[name]

    def get_child_item(arguments: Arguments) -> list[Body]:
        start = _file(arguments.get("path", 0)).rstrip("\\") + "\\"
        found = {name[len(start) :].partition("\\")[0] for name in files(content) if name.startswith(start)}
        return [{"Name": name, "FullName": start + name} for name in sorted(found)]

    def get_process(arguments: Arguments) -> list[Body] | None:
        name = to_string(arguments.get("name", 0)).lower()
        if name == "sysprep" and (content.get("sysprep") or {}).get("state") == "running":
            return [{"Name": "sysprep", "Id": 4711}]
        error(arguments, f"Get-Process : Cannot find a process with the name '{name}'.")
        return None

    return {
        "get-localuser": get_user,
        "remove-localuser": remove_user,
        "remove-ciminstance": remove_instance,
        "get-content": get_content,
        "remove-item": remove_item,
        "get-childitem": get_child_item,
        "get-process": get_process,
    }


def profiles(world: World, vm: Resource) -> list[Body]:
    """`Win32_UserProfile`."""
    return [{"SID": sid, "Special": False} for sid in guests.content_of(world, vm.id).get("profiles") or []]


def is_file(path: str) -> bool:
    """Whether a path is one of the file system, not of the registry."""
    return path[1:3] == ":\\" or path.lower().startswith("file:")


def exists(world: World, vm: Resource, path: str) -> bool:
    """Whether a file is there, or a folder that holds one."""
    return any(
        name == _file(path) or name.startswith(_file(path).rstrip("\\") + "\\")
        for name in files(guests.content_of(world, vm.id))
    )


def files(content: Body) -> dict[str, list[str]]:
    found: dict[str, list[str]] = content.setdefault("files", {})
    return found


def begin(world: World, vm: Resource, arguments: str) -> None:
    """Start sysprep; one that runs goes on."""
    content = guests.content_of(world, vm.id)
    if (content.get("sysprep") or {}).get("state") == "running":
        return
    content["sysprep"] = {"state": "running"}
    _log(world, content, "Info", "SYSPRP ========================================================")
    _log(world, content, "Info", f"SYSPRP ===  Beginning of a new sysprep run: {arguments}  ===")
    machine = guests.machine_of(world, vm)
    if not guests.has_fault(world, vm, "sysprep_hangs"):
        seconds = durations.draw(world, "guest sysprep", vm.id)
        shutdown = "/shutdown" in arguments.lower()
        world.schedule(seconds, "guest_sysprep.ended", vm_id=vm.id, boot=machine.boot, shutdown=shutdown)


def _ended(world: World, vm_id: str, boot: int, shutdown: bool) -> None:
    """Event: sysprep has come to its end, unless the machine went down under it."""
    vm = world.get(vm_id)
    if vm is None:
        return
    machine = guests.machine_of(world, vm)
    if machine.boot != boot or machine.power != "running":
        return
    content = guests.content_of(world, vm_id)
    failure = _failure(world, vm, content)
    if failure:
        content["sysprep"] = {"state": "failed"}
        for line in failure:
            _log(world, content, "Error", line)
        return
    content["sysprep"] = {"state": "done"}
    content["rearms"] = int(content.get("rearms", 1001)) - 1
    content.update(generalized=True, provisioned=False, computer_name=None, secret_generation=None)
    _log(world, content, "Info", "SYSPRP Sysprep_Generalize: the image is generalized")
    if shutdown:
        seconds = durations.draw(world, "guest shut down", vm_id)
        world.schedule(seconds, "guests.shut_down", vm_id=vm_id, boot=boot, restart=False)


def _failure(world: World, vm: Resource, content: Body) -> list[str]:
    """What the log says of the failure; nothing where there is none."""
    if content.get("profiles"):
        return [
            f"SYSPRP Package {APP} was installed for a user, but not provisioned for all users. This package will not "
            "function properly in the sysprep image.",
            "SYSPRP Failed to remove apps for the current user: 0x80073cf2.",
            "[0x0f0070] SYSPRP RunExternalDlls:An error occurred while running registry sysprep DLLs, halting sysprep "
            "execution. dwRet = 0x3cf2",
        ]
    if int(content.get("rearms", 1001)) <= 0:
        return [
            "[0x0f0082] SYSPRP LaunchDll:Failure occurred while executing 'slc.dll,SLReArmWindows', returned error "
            "code -1073425657"
        ]
    if guests.has_fault(world, vm, "sysprep_fails"):
        return ["[0x0f0043] SYSPRP WinMain:The sysprep dialog box returned FALSE"]
    return []


def _log(world: World, content: Body, level: str, text: str) -> None:
    files(content).setdefault(LOG, []).append(f"{world.iso()[:19].replace('T', ' ')}, {level:<21} {text}")


def _user(account: Body) -> Body:
    return {"Name": account["Name"], "SID": {"Value": account["SID"]}, "Enabled": True}


def _file(path: Any) -> str:
    return to_string(path).strip().lower().replace("/", "\\")


HANDLERS: dict[str, Handler] = {"guest_sysprep.ended": _ended}
