"""PowerShell that runs inside session hosts, and how its answers are read: lines of `Key=Value`.

None of the scripts takes a secret in its text; secrets come as parameters of a protected run command.
"""

from __future__ import annotations

RDINFRA = r"HKLM:\SOFTWARE\Microsoft\RDInfraAgent"
SETUP = r"HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State"
PENDING = r"HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending"
UPDATE_POLICY = r"HKLM:\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate\AU"


def value(key: str, name: str) -> str:
    """PowerShell that reads one registry value, empty where there is none."""
    return f"(Get-ItemProperty '{key}' -ErrorAction SilentlyContinue).{name}"


BUILD_CHECK = (
    f'Write-Output "ImageState=$({value(SETUP, "ImageState")})"',
    f"Write-Output \"RebootPending=$(Test-Path '{PENDING}')\"",
    f'Write-Output "IsRegistered=$({value(RDINFRA, "IsRegistered")})"',
    "$largest = (Get-PartitionSupportedSize -DriveLetter C).SizeMax",
    "Resize-Partition -DriveLetter C -Size $largest -ErrorAction SilentlyContinue",
)
"""On the temporary VM: Windows set-up complete (the VM agent's Ready may be from before), no restart pending, no AVD
agent of its own (an agent in the image registers with the pool it came from, Azure/RDS-Templates issue 342); and the
system partition takes the whole disk."""

GUEST_CHECK_COMMON = (
    f'Write-Output "NoAutoUpdate=$({value(UPDATE_POLICY, "NoAutoUpdate")})"',
    'Write-Output "TimeZone=$((Get-TimeZone).Id)"',
)
GUEST_CHECK_AD = ('Write-Output "SecureChannel=$(Test-ComputerSecureChannel)"',)

EVENTS = (
    "Get-WinEvent -LogName Application -MaxEvents 20 | Where-Object ProviderName -like 'WVD*' | "
    "Format-Table -HideTableHeaders -Wrap TimeCreated, Id, Message",
)
"""The AVD agent's last words, kept as evidence of a failure."""

REPAIR_TRUST = (
    "param([string]$JoinUser, [string]$JoinPassword, [string]$RegistrationToken)",
    "$secret = ConvertTo-SecureString $JoinPassword -AsPlainText -Force",
    "$credential = New-Object System.Management.Automation.PSCredential($JoinUser, $secret)",
    "if (-not (Test-ComputerSecureChannel)) { Test-ComputerSecureChannel -Repair -Credential $credential }",
)
REPAIR_REGISTRATION = (
    rf"Set-ItemProperty -Path '{RDINFRA}' -Name RegistrationToken -Value $RegistrationToken",
    rf"Set-ItemProperty -Path '{RDINFRA}' -Name IsRegistered -Value 0",
    "Restart-Service RDAgentBootLoader -Force",
)
"""An agent that believes itself registered does nothing: IsRegistered=1 with an empty token. With a token and
IsRegistered=0 it registers anew when its boot loader starts (AzAvd, Repair-AvdSessionHost)."""
REPAIR_NO_JOIN = ("param([string]$RegistrationToken)",)

CONTAINERS = (
    "$attached = @()",
    "foreach ($volume in Get-Volume) {",
    "  $label = $volume.FileSystemLabel",
    "  if ($label -like 'Profile-*' -or $label -like 'O365-*') { $attached = $attached + $label }",
    "}",
    'Write-Output "Attached=$($attached.Count)"',
)
"""How many FSLogix containers are attached, by the labels that FSLogix gives their volumes (practice, unverified): the
registry's session keys say how a sign-in went, not whether the container is still there
(learn.microsoft.com/fslogix/troubleshooting-error-codes)."""

LEAVE_ENTRA = ("dsregcmd /leave",)


def answers(output: str) -> dict[str, str]:
    """The `Key=Value` lines of a script's standard output."""
    pairs: dict[str, str] = {}
    for line in output.partition("--- stderr")[0].splitlines():
        key, sign, value = line.strip().partition("=")
        if sign and key.isidentifier():
            pairs[key] = value.strip()
    return pairs
