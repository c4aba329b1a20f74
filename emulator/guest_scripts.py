"""What scripts do inside a Windows guest: run commands and custom scripts, by the small PowerShell of powershell.py.

Commands with an effect or an answer (all others succeed, print nothing, and are noted in the record):

- registry (`Get-ItemProperty`, `Get-ItemPropertyValue`, `Set-ItemProperty`, `New-ItemProperty`, `Remove-ItemProperty`,
  `Test-Path`): HKLM:\\SOFTWARE\\Microsoft\\RDInfraAgent (RegistrationToken, IsRegistered), the set-up state
  (ImageState), RebootPending, WindowsUpdate\\AU (NoAutoUpdate), and whatever a script wrote itself;
- services: `Restart-Service` / `Start-Service RDAgentBootLoader` registers an agent with IsRegistered=0 and a token;
- membership: `Test-ComputerSecureChannel [-Repair -Credential]`, `Reset-ComputerMachinePassword`, `Add-Computer`,
  `dsregcmd /status | /leave | /join`, `Get-CimInstance Win32_ComputerSystem`;
- agent install: `msiexec ... REGISTRATIONTOKEN=<token>` (or `Start-Process msiexec` with it);
- time zone (`Get-TimeZone`, `Set-TimeZone`, `tzutil /g | /s`), `Get-Volume`, `Get-Partition`,
  `Get-PartitionSupportedSize`, `Resize-Partition`, `shutdown`, `Stop-Computer`, `Restart-Computer`, `hostname`;
- local accounts, files, sysprep: see guest_sysprep.py; `Get-CimInstance Win32_UserProfile`, `Select-String`;
- values and text: `Write-Output`, `Write-Host`, `Write-Error`, `ConvertTo-Json`, `ConvertFrom-Json`, `Out-Null`,
  `Select-Object`, `Where-Object`, `ConvertTo-SecureString`, `New-Object` (credential), `Get-Date`.

Of a Linux guest's scripts only `echo` and `exit` are understood.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from emulator import computers, durations, guest_registration, guest_sysprep, guests, powershell_items
from emulator.desktopvirtualization import agent
from emulator.powershell import Arguments, Command, Interpreter, ScriptError
from emulator.powershell_values import NotUnderstood, to_json, to_string, truth
from emulator.wire import Body
from emulator.world import Resource, World

_RDINFRA = r"hklm:\software\microsoft\rdinfraagent"
_SETUP = r"hklm:\software\microsoft\windows\currentversion\setup\state"
_PENDING = (
    r"hklm:\software\microsoft\windows\currentversion\component based servicing\rebootpending",
    r"hklm:\software\microsoft\windows\currentversion\windowsupdate\auto update\rebootrequired",
)
_UPDATES = r"hklm:\software\policies\microsoft\windows\windowsupdate\au"
_ZONE = r"hklm:\system\currentcontrolset\control\timezoneinformation"


@dataclass(frozen=True)
class Outcome:
    output: str
    error: str
    exit_code: int


def run(world: World, vm: Resource, script: str, parameters: dict[str, str], *, replayed: bool = False) -> Outcome:
    """Run a script in the guest of a VM. What ran is kept in `sections["guest_scripts"]`, without parameter values."""
    host = _Host(world, vm)
    windows = vm.body["properties"]["storageProfile"]["osDisk"]["osType"] == "Windows"
    if windows:
        variables = {name.lower(): value for name, value in parameters.items()}
        name = str(host.content["computer_name"] or guests.computer_name_of(vm))
        interpreter = Interpreter(host.commands(), host.unknown, {"env:computername": name, **variables})
        try:
            interpreter.run(script)
        except NotUnderstood as what:
            host.not_understood.append(f"syntax: {what}")
        errors = [*host.errors, *interpreter.errors]
        outcome = Outcome("\n".join(interpreter.output), "\n".join(errors), interpreter.exit_code)
    else:
        outcome = _shell(script, list(parameters.values()))
    record: list[Body] = world.sections.setdefault("guest_scripts", [])
    record.append(
        {
            "time": world.now,
            "vm": vm.id,
            "script": script,
            "exit_code": outcome.exit_code,
            "replayed": replayed,
            "not_understood": host.not_understood,
        }
    )
    return outcome


def _shell(script: str, parameters: list[str]) -> Outcome:
    lines, code = [], 0
    for line in script.splitlines():
        words = line.strip()
        if words.startswith("echo "):
            said = re.sub(
                r"\$(\d)", lambda m: parameters[int(m[1]) - 1] if 0 < int(m[1]) <= len(parameters) else "", words[5:]
            )
            lines.append(said.strip("'\""))
        elif stop := re.fullmatch(r"exit\s+(\d+)", words):
            code = int(stop[1])
            break
    return Outcome("\n".join(lines), "", code)


class _Host:
    """The commands of one guest."""

    def __init__(self, world: World, vm: Resource) -> None:
        self.world, self.vm = world, vm
        self.content = guests.content_of(world, vm.id)
        self.errors: list[str] = []
        self.not_understood: list[str] = []

    def commands(self) -> dict[str, Command]:
        return {
            "write-output": self._write,
            "echo": self._write,
            "write-host": self._write,
            "write-error": self._write_error,
            "write-warning": powershell_items.nothing,
            "write-verbose": powershell_items.nothing,
            "out-null": powershell_items.nothing,
            "out-string": lambda a: to_string(a.piped or []),
            "start-sleep": powershell_items.nothing,
            "set-executionpolicy": powershell_items.nothing,
            "convertto-json": lambda a: to_json(powershell_items.one(a, 0), compress=bool(a.get("compress"))),
            "convertfrom-json": lambda a: json.loads(to_string(powershell_items.one(a, 0))),
            "select-object": powershell_items.select,
            "where-object": powershell_items.where,
            "format-table": lambda a: a.piped or None,
            "format-list": lambda a: a.piped or None,
            "convertto-securestring": lambda a: a.get("string", 0),
            "new-object": self._new_object,
            "get-date": lambda a: self.world.iso(),
            "hostname": lambda a: self._name(),
            "get-itemproperty": self._get_property,
            "get-itempropertyvalue": self._get_value,
            "set-itemproperty": self._set_property,
            "new-itemproperty": self._set_property,
            "remove-itemproperty": self._remove_property,
            "new-item": powershell_items.nothing,
            "test-path": self._test_path,
            "restart-service": self._restart_service,
            "start-service": self._restart_service,
            "get-service": lambda a: {"Name": a.get("name", 0), "Status": "Running"},
            "test-computersecurechannel": self._secure_channel,
            "reset-computermachinepassword": self._repair,
            "add-computer": self._add_computer,
            "dsregcmd": self._dsregcmd,
            "get-ciminstance": self._cim,
            "get-wmiobject": self._cim,
            "get-timezone": lambda a: {"Id": self.content["time_zone"]},
            "set-timezone": lambda a: self._set_zone(a.get("id", 0)),
            "tzutil": self._tzutil,
            "get-partitionsupportedsize": lambda a: {"SizeMin": 20 * 2**30, "SizeMax": self._disk_gb() * 2**30},
            "get-partition": self._partition,
            "get-volume": self._volumes,
            "resize-partition": self._resize,
            "shutdown": self._shutdown,
            "stop-computer": lambda a: self._power("stop"),
            "restart-computer": lambda a: self._power("restart"),
            "msiexec": self._msiexec,
            "start-process": self._start_process,
            "select-string": powershell_items.select_string,
            **guest_sysprep.commands(self.world, self.vm, self._error),
        }

    def unknown(self, name: str, arguments: Arguments) -> None:
        self.not_understood.append(name)

    def _name(self) -> str:
        return str(self.content["computer_name"] or guests.computer_name_of(self.vm))

    def _error(self, arguments: Arguments, message: str) -> None:
        if arguments.strict:
            raise ScriptError(message)
        if not arguments.quiet:
            self.errors.append(message)

    def _write(self, arguments: Arguments) -> Any:
        value = (
            arguments.piped if arguments.piped is not None else arguments.get("object", 0, arguments.get("inputobject"))
        )
        return value if arguments.piped is not None or len(arguments.positional) < 2 else arguments.positional

    def _write_error(self, arguments: Arguments) -> None:
        self._error(arguments, to_string(arguments.get("message", 0)))

    def _new_object(self, arguments: Arguments) -> Any:
        given = arguments.get("argumentlist") or arguments.positional[1:]
        flat = (
            [v for item in given for v in (item if isinstance(item, list) else [item])]
            if isinstance(given, list)
            else [given]
        )
        kind = to_string(arguments.get("typename", 0)).lower()
        if kind.endswith("pscredential") and len(flat) >= 2:
            return {"UserName": to_string(flat[0]), "Password": to_string(flat[1])}
        return {}

    # -- registry

    def _values(self, key: str) -> dict[str, Any] | None:
        content = self.content
        known: dict[str, Any] = {}
        if key == _RDINFRA:
            if not content["agent"]:
                return None
            known = {
                "IsRegistered": 1 if content["registered_pool"] is not None else 0,
                "RegistrationToken": content["registration_token"] or "",
            }
        elif key == _SETUP:
            complete = content["provisioned"] or not content["generalized"]
            known = {"ImageState": "IMAGE_STATE_COMPLETE" if complete else "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"}
        elif key == _UPDATES:
            known = {"NoAutoUpdate": 1} if content["no_auto_update"] else {}
        elif key == _ZONE:
            known = {"TimeZoneKeyName": content["time_zone"]}
        elif key in _PENDING and content.get("pending_reboot"):
            known = {"(default)": ""}
        start = key + "\\"
        written = {n[len(start) :]: v for n, v in content["registry"].items() if n.startswith(start)}
        names = {name.lower() for name in known}
        merged = known | {n: v for n, v in written.items() if "\\" not in n and n not in names}
        return merged if merged or key in (_SETUP, _ZONE) else None

    def _exists(self, key: str) -> bool:
        return self._values(key) is not None or any(n.startswith(key + "\\") for n in self.content["registry"])

    def _test_path(self, arguments: Arguments) -> bool:
        path = to_string(arguments.get("path", 0, arguments.get("literalpath")))
        if guest_sysprep.is_file(path):
            return guest_sysprep.exists(self.world, self.vm, path)
        return self._exists(_path(path))

    def _get_property(self, arguments: Arguments) -> Any:
        key = _path(arguments.get("path", 0, arguments.get("literalpath")))
        values = self._values(key)
        if values is None:
            self._error(arguments, f"Get-ItemProperty : Cannot find path '{key}' because it does not exist.")
            return None
        name = arguments.get("name", 1)
        if name is None:
            return values
        found = {n: v for n, v in values.items() if n.lower() == to_string(name).lower()}
        if not found:
            self._error(arguments, f"Get-ItemProperty : Property {name} does not exist at path {key}.")
        return found or None

    def _get_value(self, arguments: Arguments) -> Any:
        found = self._get_property(arguments)
        return next(iter(found.values())) if found else None

    def _set_property(self, arguments: Arguments) -> None:
        key, name = _path(arguments.get("path", 0)), to_string(arguments.get("name", 1))
        value = arguments.get("value", 2)
        if key == _RDINFRA and name.lower() == "registrationtoken":
            self.content["registration_token"] = to_string(value)
        elif key == _RDINFRA and name.lower() == "isregistered":
            if not truth(value) or to_string(value) == "0":
                self.content["registered_pool"] = None
        elif key == _UPDATES and name.lower() == "noautoupdate":
            self.content["no_auto_update"] = to_string(value) == "1"
        else:
            self.content["registry"][f"{key}\\{name.lower()}"] = value

    def _remove_property(self, arguments: Arguments) -> None:
        key, name = _path(arguments.get("path", 0)), to_string(arguments.get("name", 1)).lower()
        self.content["registry"].pop(f"{key}\\{name}", None)

    # -- AVD agent

    def _restart_service(self, arguments: Arguments) -> None:
        if to_string(arguments.get("name", 0)).lower() == "rdagentbootloader":
            guest_registration.restart_boot_loader(self.world, self.vm)

    def _msiexec(self, arguments: Arguments) -> None:
        token = re.search(r"REGISTRATIONTOKEN=\s*[\"']?([^\s\"']+)", " ".join(map(to_string, arguments.positional)))
        if token is not None:
            guest_registration.register(self.world, self.vm, token[1])

    def _start_process(self, arguments: Arguments) -> Body:
        program = to_string(arguments.get("filepath", 0)).lower()
        if "sysprep" in program:
            guest_sysprep.begin(self.world, self.vm, to_string(arguments.get("argumentlist", 1, "")))
        elif "msiexec" in program:
            self._msiexec(Arguments(positional=[arguments.get("argumentlist", 1, "")]))
        return {"ExitCode": 0}

    # -- membership

    def _joined(self) -> bool:
        return self.content["secret_generation"] is not None

    def _trusted(self) -> bool:
        return self._joined() and self.content["secret_generation"] == computers.ad_generation(self.world, self._name())

    def _secure_channel(self, arguments: Arguments) -> bool:
        if not self._joined():
            self._error(arguments, "Test-ComputerSecureChannel : The computer is not joined to a domain.")
            return False
        if arguments.get("repair") and not self._trusted():
            self._repair(arguments)
        return self._trusted()

    def _repair(self, arguments: Arguments) -> None:
        """A new machine password, set on both sides; needs a domain account once the old one is worth nothing."""
        credential = arguments.get("credential") or {}
        user, password = to_string(credential.get("UserName")), to_string(credential.get("Password"))
        if not self._joined():
            self._error(arguments, "The computer is not joined to a domain.")
            return
        if not self._trusted():
            if not credential:
                self._error(arguments, "Access is denied: the credential of a domain account is needed.")
                return
            code = computers.join_error(self.world, self._name(), user, password)
            if code is not None:
                self._error(arguments, f"The secure channel could not be reset: error {code}.")
                return
        self.content["secret_generation"] = computers.join_ad(self.world, self._name(), user or None)
        agent.recheck(self.world, self.vm)

    def _add_computer(self, arguments: Arguments) -> None:
        credential = arguments.get("credential") or {}
        user, password = to_string(credential.get("UserName")), to_string(credential.get("Password"))
        failed = guests.has_fault(self.world, self.vm, "join_fails")
        code = 1722 if failed else computers.join_error(self.world, self._name(), user, password)
        if code is not None:
            self._error(arguments, f"Add-Computer : Computer '{self._name()}' failed to join domain: error {code}.")
            return
        self.content["secret_generation"] = computers.join_ad(self.world, self._name(), user)
        agent.recheck(self.world, self.vm)
        if arguments.get("restart"):
            self._power("restart")

    def _dsregcmd(self, arguments: Arguments) -> Any:
        verb = to_string(arguments.positional[0] if arguments.positional else "").lower()
        content, name = self.content, self._name()
        device = computers.device_of(self.world, name)
        mine = device is not None and content["device_generation"] == device["generation"]
        if verb == "/leave":
            if mine and device is not None:
                computers.delete_device(self.world, device["id"])
            content["device_generation"] = None
            agent.recheck(self.world, self.vm)
        elif verb == "/status":
            return [
                "+----------------------------------------------------------------------+",
                "| Device State                                                         |",
                "+----------------------------------------------------------------------+",
                f"             AzureAdJoined : {'YES' if mine else 'NO'}",
                "          EnterpriseJoined : NO",
                f"              DomainJoined : {'YES' if self._joined() else 'NO'}",
                f"               Device Name : {name}",
                *([f"                  DeviceId : {device['deviceId']}"] if mine and device is not None else []),
            ]
        return None

    def _cim(self, arguments: Arguments) -> Any:
        kind = to_string(arguments.get("classname", 0, arguments.get("class"))).lower()
        if kind == "win32_computersystem":
            domain = self.world.setting("domain", "contoso.com") if self._joined() else "WORKGROUP"
            return {"Name": self._name(), "PartOfDomain": self._joined(), "Domain": domain}
        if kind == "win32_operatingsystem":
            machine = guests.machine_of(self.world, self.vm)
            return {"LastBootUpTime": self.world.iso(machine.booted_at), "Version": "10.0.26100"}
        if kind == "win32_userprofile":
            return guest_sysprep.profiles(self.world, self.vm)
        self.not_understood.append(arguments.raw)
        return None

    # -- system

    def _set_zone(self, zone: Any) -> None:
        self.content["time_zone"] = to_string(zone)

    def _tzutil(self, arguments: Arguments) -> Any:
        given = [to_string(value) for value in arguments.positional]
        if given[:1] == ["/g"]:
            return self.content["time_zone"]
        if given[:1] == ["/s"] and len(given) > 1:
            self._set_zone(given[1])
        return None

    def _disk_gb(self) -> int:
        disk = guests.os_disk_of(self.world, self.vm)
        return int(disk.body["properties"]["diskSizeGB"]) if disk else 127

    def _partition(self, arguments: Arguments) -> Body:
        size = int(self.content["partition_gb"] or self._disk_gb()) * 2**30
        return {"DriveLetter": "C", "Size": size, "SizeRemaining": size // 2, "FileSystemLabel": "Windows"}

    def _volumes(self, arguments: Arguments) -> list[Body]:
        """The system's, and those of the profile containers that are attached (`containers`: their labels)."""
        attached: list[Body] = [{"FileSystemLabel": label} for label in self.content.get("containers", ())]
        return [self._partition(arguments), *attached]

    def _resize(self, arguments: Arguments) -> None:
        size = arguments.get("size")
        self.content["partition_gb"] = min(self._disk_gb(), int(size or 0) // 2**30)

    def _shutdown(self, arguments: Arguments) -> None:
        given = {to_string(value).lower() for value in arguments.positional} | {f"/{name}" for name in arguments.named}
        if "/r" in given:
            self._power("restart")
        elif "/s" in given or "/p" in given:
            self._power("stop")

    def _power(self, verb: str) -> None:
        """The guest goes down by itself: the VM is then stopped, not deallocated."""
        machine = guests.machine_of(self.world, self.vm)
        seconds = durations.draw(self.world, "guest shut down", self.vm.id)
        self.world.schedule(seconds, "guests.shut_down", vm_id=self.vm.id, boot=machine.boot, restart=verb == "restart")


def _path(path: Any) -> str:
    """A registry path in one form: `HKLM:\\...`, lower case."""
    text = to_string(path).strip().rstrip("\\").lower().replace("/", "\\")
    return re.sub(r"^(registry::)?hkey_local_machine(?=\\)", "hklm:", text)
