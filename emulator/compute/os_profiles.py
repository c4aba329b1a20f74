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


def _check_password(password: Any) -> None:
    if not password:
        raise required("adminPassword")
    kinds = sum(bool(re.search(pattern, password)) for pattern in (r"[a-z]", r"[A-Z]", r"\d", r"[^a-zA-Z\d]"))
    if not 8 <= len(password) <= 123 or kinds < 3:
        raise invalid(
            "The supplied password must be between 8-123 characters long and must satisfy at least 3 of password "
            "complexity requirements from the following: 1) Contains an uppercase character 2) Contains a lowercase "
            "character 3) Contains a numeric digit 4) Contains a special character 5) Control characters are not "
            "allowed.",
            "adminPassword",
        )
