"""The golden VM of a scenario: local accounts, sysprep and its log, as scripts in the guest see them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from cloud.azure_cloud import AzureCloud
from emulator import guests, scenario
from emulator.app import Emulator
from emulator.guest_sysprep import LOG
from emulator.world import World
from simulation.in_process import in_process_cloud
from simulation.virtual_time import LoopClock

VM = (
    "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/avd"
    "/providers/Microsoft.Compute/virtualMachines/golden"
)
BEGIN = (
    r"Start-Process 'C:\Windows\System32\Sysprep\sysprep.exe' -ArgumentList '/generalize /oobe /mode:vm /quiet /quit'"
)
STATE = r"(Get-ItemProperty 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State').ImageState"
REMOVE = (
    "foreach ($user in Get-LocalUser) {",
    "  $sid = $user.SID.Value",
    r"  if ($sid -match '-[1-9]\d{3,}$') {",
    "    Get-CimInstance Win32_UserProfile | Where-Object SID -eq $sid | Remove-CimInstance",
    "    Remove-LocalUser -Name $user.Name",
    '    Write-Output "Removed=$($user.Name)"',
    "  }",
    "}",
)

pytestmark = pytest.mark.looptime


@pytest.fixture
def world() -> World:
    return scenario.build("pooled", {"hosts": 1, "users": 0, "golden": True})


@pytest.fixture
async def cloud(world: World) -> AsyncIterator[AzureCloud]:
    async with in_process_cloud(Emulator(world), LoopClock()) as opened:
        yield opened


async def sysprep(cloud: AzureCloud) -> str:
    """The image state when sysprep has ended."""
    await cloud.run_command(VM, (BEGIN,))
    assert (await cloud.run_command(VM, ("Write-Output $((Get-Process sysprep).Name)",))) == "sysprep"
    await LoopClock().sleep(600)
    return await cloud.run_command(VM, (f"Write-Output $({STATE})",))


async def test_without_local_accounts_it_generalizes_and_the_guest_goes_on(cloud: AzureCloud) -> None:
    assert (await cloud.run_command(VM, REMOVE)).split() == ["Removed=installer", "Removed=ada"]
    assert await cloud.run_command(VM, REMOVE) == ""
    assert await sysprep(cloud) == "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"


async def test_the_profile_of_a_local_account_fails_it_and_the_log_says_why(cloud: AzureCloud) -> None:
    assert await sysprep(cloud) == "IMAGE_STATE_COMPLETE"
    tail = f"Get-Content '{LOG}' | Select-String ', Error' | Select-Object -First 1 -ExpandProperty Line"
    assert "was installed for a user, but not provisioned for all users" in await cloud.run_command(VM, (tail,))


async def test_it_fails_where_windows_cannot_be_rearmed_any_more(cloud: AzureCloud, world: World) -> None:
    await cloud.run_command(VM, REMOVE)
    guests.content_of(world, VM)["rearms"] = 0
    assert await sysprep(cloud) == "IMAGE_STATE_COMPLETE"
    assert "SLReArmWindows" in await cloud.run_command(VM, (f"Get-Content '{LOG}' -Tail 1",))


async def test_a_generalized_disk_does_not_boot_again(cloud: AzureCloud, world: World) -> None:
    await cloud.run_command(VM, REMOVE)
    await sysprep(cloud)
    await cloud.deallocate_vm(VM)
    await cloud.start_vm(VM)
    await LoopClock().sleep(600)
    vm = world.get(VM)
    assert vm is not None and not guests.machine_of(world, vm).booted
