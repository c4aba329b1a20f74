"""The `osProfile` of a virtual machine that an image provisions: what it must hold, and what it shows."""

from __future__ import annotations

import re
from typing import Any

from emulator.compute.shapes import clone, invalid, required
from emulator.wire import Body


def shown(sent: Body | None, os_type: str, name: str) -> Body:
    """The osProfile as the VM shows it: defaults filled in, without what is only written. Raises 400."""
    if not sent:
        raise required("osProfile")
    computer = str(sent.get("computerName") or name)
    windows = os_type == "Windows"
    if windows and (
        len(computer) > 15 or computer.isdigit() or re.search(r"[`~!@#$%^&*()=+_\[\]{}\\|;:.'\",<>/?\s]", computer)
    ):
        raise invalid(
            "Windows computer name cannot be more than 15 characters long, be entirely numeric, or contain the "
            "following characters: ` ~ ! @ # $ % ^ & * ( ) = + _ [ ] { } \\ | ; : . ' \" , < > / ?.",
            "computerName",
        )
    if not sent.get("adminUsername"):
        raise required("osProfile.adminUsername")
    if windows:
        _check_name(str(sent["adminUsername"]))
        _check_password(sent.get("adminPassword"))
    profile: Body = {"computerName": computer, "adminUsername": sent["adminUsername"]}
    if windows:
        configuration = clone(sent.get("windowsConfiguration") or {})
        automatic = configuration.setdefault("enableAutomaticUpdates", True)
        configuration.setdefault("provisionVMAgent", True)
        patch = configuration.setdefault("patchSettings", {})
        patch.setdefault("patchMode", "AutomaticByOS" if automatic else "Manual")
        patch.setdefault("assessmentMode", "ImageDefault")
        configuration.setdefault("enableVMAgentPlatformUpdates", False)
        profile["windowsConfiguration"] = configuration
    else:
        configuration = clone(sent.get("linuxConfiguration") or {})
        configuration.setdefault("disablePasswordAuthentication", "adminPassword" not in sent)
        configuration.setdefault("provisionVMAgent", True)
        configuration.setdefault("patchSettings", {"patchMode": "ImageDefault", "assessmentMode": "ImageDefault"})
        profile["linuxConfiguration"] = configuration
    profile["secrets"] = sent.get("secrets") or []
    profile["allowExtensionOperations"] = sent.get("allowExtensionOperations", True)
    profile["requireGuestProvisionSignal"] = sent.get("requireGuestProvisionSignal", True)
    return profile


_REFUSED_NAMES = (
    " administrator admin admin1 admin2 user user1 user2 user3 user4 user5 test test1 test2 test3 1 123 a actuser adm "
    "aspnet backup console david guest john owner root server sql support support_388945a0 sys "
)
_REFUSED_PASSWORDS = (
    " abc@123 P@$$w0rd P@ssw0rd P@ssword123 Pa$$word pass@word1 Password! Password1 Password22 iloveyou! "
)


def _check_name(name: str) -> None:
    """Rules: REST reference of virtual machines, osProfile; wording: azure-docs, Troubleshoot session host VMs."""
    if f" {name.lower()} " in _REFUSED_NAMES or name.endswith(".") or len(name) > 20:
        raise invalid(
            "The Admin Username specified is not allowed.",
            "adminUsername",
        )


def _check_password(password: Any) -> None:
    if not password:
        raise required("adminPassword")
    kinds = sum(bool(re.search(pattern, password)) for pattern in (r"[a-z]", r"[A-Z]", r"\d", r"[^a-zA-Z\d]"))
    if f" {password} " in _REFUSED_PASSWORDS:
        raise invalid("The specified password is not allowed.", "adminPassword")  # unverified wording
    if not 8 <= len(password) <= 123 or kinds < 3:
        raise invalid(
            "The supplied password must be between 8-123 characters long and must satisfy at least 3 of password "
            "complexity requirements from the following: 1) Contains an uppercase character 2) Contains a lowercase "
            "character 3) Contains a numeric digit 4) Contains a special character 5) Control characters are not "
            "allowed.",
            "adminPassword",
        )
