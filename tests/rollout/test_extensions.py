"""What becomes of a VM's extensions."""

from __future__ import annotations

import pytest

from rollout.arm import Extension
from rollout.extensions import KEEP, REMOVE, REMOVE_AFTER_DRAIN, TABLE, UNKNOWN, Class, classify, of_class


def extension(publisher: str, kind: str) -> Extension:
    return Extension(kind, publisher, kind, "Succeeded")


@pytest.mark.parametrize(
    ("publisher", "kind", "wanted"),
    [
        ("Microsoft.Powershell", "DSC", REMOVE),
        ("Microsoft.Compute", "JsonADDomainExtension", REMOVE),
        ("Microsoft.Compute", "CustomScriptExtension", REMOVE),
        ("Microsoft.Compute", "VMAccessAgent", REMOVE),
        ("Microsoft.CPlat.Core", "RunCommandWindows", REMOVE),
        ("Microsoft.CPlat.Core", "RunCommandHandlerWindows", REMOVE),
        ("Microsoft.Azure.ActiveDirectory", "AADLoginForWindows", REMOVE_AFTER_DRAIN),
        ("Microsoft.Azure.Monitor", "AzureMonitorWindowsAgent", KEEP),
        ("Microsoft.Azure.AzureDefenderForServers", "MDE.Windows", KEEP),
        ("Microsoft.Azure.Security.WindowsAttestation", "GuestAttestation", KEEP),
        ("Microsoft.GuestConfiguration", "ConfigurationforWindows", KEEP),
        ("Microsoft.Azure.Security", "AzureDiskEncryption", UNKNOWN),
        ("Contoso", "Agent", UNKNOWN),
        ("Microsoft.Compute", "DSC", UNKNOWN),
    ],
)
def test_the_class_follows_from_publisher_and_type_in_any_case(publisher: str, kind: str, wanted: Class) -> None:
    assert classify(extension(publisher, kind)) is wanted
    assert classify(extension(publisher.upper(), kind.lower())) is wanted


def test_a_managed_run_command_is_removed() -> None:
    assert classify(Extension("repair", "", "", "Succeeded")) is REMOVE


def test_the_table_is_in_lower_case_or_nothing_would_match() -> None:
    assert all(key == (key[0].lower(), key[1].lower()) for key in TABLE)


def test_the_extensions_of_a_class_keep_their_order() -> None:
    found = [extension("Contoso", "A"), extension("Microsoft.Powershell", "DSC"), extension("Contoso", "B")]
    assert of_class(found, UNKNOWN) == (found[0], found[2])
