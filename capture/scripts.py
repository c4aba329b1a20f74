"""PowerShell that runs inside the clone, and how its answers are read: lines of `Key=Value`."""

from __future__ import annotations

from capture.steps import GuestState
from rollout.scripts import PENDING, RDINFRA, SETUP, answers, value

SYSPREP = r"C:\Windows\System32\Sysprep"
LOG = rf"{SYSPREP}\Panther\setupact.log"

GENERALIZED = "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"
"""What the registry says once sysprep /generalize /oobe has ended well (learn.microsoft.com/windows-hardware/
manufacture/desktop/windows-setup-states)."""

STATE = (
    "$accounts = @()",
    "foreach ($user in Get-LocalUser) {",
    r"  if ($user.SID.Value -match '-[1-9]\d{3,}$') { $accounts = $accounts + $user.Name }",
    "}",
    "$sysprep = Get-Process -Name sysprep -ErrorAction SilentlyContinue",
    f'Write-Output "ImageState=$({value(SETUP, "ImageState")})"',
    'Write-Output "Running=$($sysprep.Name)"',
    f"Write-Output \"Begun=$(Test-Path '{LOG}')\"",
    'Write-Output "Accounts=$accounts"',
    f"Write-Output \"RebootPending=$(Test-Path '{PENDING}')\"",
    f"Write-Output \"Agent=$(Test-Path '{RDINFRA}')\"",
)
"""How far the clone is. Accounts that people made have a relative id of 1000 or more; the built-in ones, among which is
the administrator that Azure renames, stay (learn.microsoft.com/windows-server/identity/ad-ds/manage/
understand-security-identifiers)."""

REMOVE_ACCOUNTS = (
    "foreach ($user in Get-LocalUser) {",
    "  $sid = $user.SID.Value",
    r"  if ($sid -match '-[1-9]\d{3,}$') {",
    "    Get-CimInstance Win32_UserProfile | Where-Object SID -eq $sid | Remove-CimInstance -ErrorAction Continue",
    "    Remove-LocalUser -Name $user.Name",
    '    Write-Output "Removed=$($user.Name)"',
    "  }",
    "}",
)
"""With their profiles: store apps that are installed for one user only make sysprep fail (learn.microsoft.com/
troubleshoot/windows-client/setup-upgrade-and-drivers/sysprep-fails-remove-or-update-store-apps)."""

BEGIN_SYSPREP = (
    rf"Remove-Item -Path '{SYSPREP}\Panther' -Recurse -Force -ErrorAction SilentlyContinue",
    r"Remove-Item -Path 'C:\Windows\Panther' -Recurse -Force -ErrorAction SilentlyContinue",
    rf"Remove-Item -Path '{SYSPREP}\unattend.xml' -Force -ErrorAction SilentlyContinue",
    r"Set-ItemProperty -Path 'HKLM:\SYSTEM\CurrentControlSet\Services\cdrom' -Name Start -Value 1",
    r"Get-ChildItem 'C:\Packages\Plugins' -ErrorAction SilentlyContinue | "
    "Where-Object Name -notlike '*RunCommand*' | Remove-Item -Recurse -Force -ErrorAction SilentlyContinue",
    rf"Start-Process '{SYSPREP}\sysprep.exe' -ArgumentList '/generalize /oobe /mode:vm /quiet /quit'",
)
"""Old logs go first, so that a log says that sysprep has begun; answer files and extension handlers of the golden VM,
which would keep new machines from being set up; and the CD-ROM through which Azure hands a machine its settings comes
back (learn.microsoft.com/azure/virtual-machines/generalize). It quits instead of shutting down, so that what became of
the image is read before the clone is stopped: Azure itself never looks (HashiCorp's Packer does the same)."""

ERRORS = (
    f"Get-Content '{LOG}' -ErrorAction SilentlyContinue | Select-String ', Error' | "
    "Select-Object -Last 10 | Select-Object -ExpandProperty Line",
)
"""The last error lines of sysprep's log."""


def errors(output: str) -> tuple[str, ...]:
    """What a script wrote to standard error, line by line."""
    return tuple(line.strip() for line in output.partition("--- stderr")[2].splitlines() if line.strip())


def guest_state(output: str) -> GuestState:
    """What `STATE` wrote."""
    said = answers(output)
    if said.get("ImageState") == GENERALIZED:
        sysprep = "done"
    elif said.get("Running"):
        sysprep = "running"
    else:
        sysprep = "failed" if said.get("Begun") == "True" else "none"
    return GuestState(
        sysprep=sysprep,
        accounts=tuple(said.get("Accounts", "").split()),
        agent=said.get("Agent") == "True",
        reboot_pending=said.get("RebootPending") == "True",
    )
