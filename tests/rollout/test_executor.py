"""Each step as the write it makes, on an Azure that notes what it is asked."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from rollout import names
from rollout.azure import Azure
from rollout.clock import iso
from rollout.draining import Drain
from rollout.errors import AllocationFailed, AzureError, Conflict, HostFailed, ImageFault, OperationFailed
from rollout.events import Event, Kind
from rollout.executor import Executor
from rollout.presence import FINAL_MESSAGE, LOGGED_OFF, MESSAGE, REMINDER
from rollout.record import Phase
from rollout.registration_token import TokenSource
from rollout.steps import (
    CheckBuild,
    CheckGuest,
    CreateTemporaryVm,
    DeleteDisk,
    DeleteSessionHost,
    DeleteTemporaryVm,
    Enter,
    JoinDirectory,
    LeaveDirectory,
    LogOffUsers,
    MarkDisk,
    Memory,
    Register,
    RemoveLastScript,
    RemoveRunCommands,
    Repair,
    SendMessage,
    SetAllowNewSession,
    Start,
)
from rollout.values import DAY, HOUR
from simulation.virtual_time import LoopClock
from tests.rollout.literals import (
    ENTRA,
    LOGIN,
    NEW,
    OLD,
    disk,
    extension,
    goal,
    record,
    session,
    temporary,
    view,
    vm,
)
from tests.support.observed import NOW, Body

pytestmark = pytest.mark.looptime

REGISTRY = "ImageState=IMAGE_STATE_COMPLETE\nRebootPending=False\nIsRegistered="


@dataclass
class Noting:
    """Answers by name: a value, an exception, or a list of these for one call after another."""

    answers: dict[str, Any] = field(default_factory=dict)
    calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = field(default_factory=list)

    def azure_time(self) -> float:
        return NOW

    def scarcity(self) -> float:
        return 0.0

    def __getattr__(self, name: str) -> Any:
        async def call(*args: Any, **kwargs: Any) -> Any:
            self.calls.append((name, args, kwargs))
            answer = self.answers.get(name)
            if isinstance(answer, list):
                answer = answer.pop(0) if answer else None
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call

    def made(self, name: str) -> list[tuple[Any, ...]]:
        return [args for called, args, _ in self.calls if called == name]


def executor(answers: dict[str, Any] | None = None, **inputs: Any) -> tuple[Executor, Noting, list[Event]]:
    azure, told = Noting(answers or {}), list[Event]()
    wanted = goal(exclusion_tag="NoScale", **inputs)
    return Executor(cast(Azure, azure), wanted, LoopClock(), told.append), azure, told


def declared(doing: Executor) -> Drain:
    return doing._declaration.drain


async def entered(step: Enter, on: Any = None, **changes: Any) -> tuple[Body, dict[str, Any]]:
    doing, azure, _ = executor()
    await doing.perform(step, view(record(Phase.DRAIN), on or vm(), **changes))
    [(_, args, kwargs)] = azure.calls
    return args[1], kwargs


# -- the record


async def test_the_record_is_a_conditional_write_beside_the_tags_that_are_there() -> None:
    on = vm(tags={"costCenter": "7", names.RECORD: "old", "avd-rollout-other": "stale"})
    patch, options = await entered(Enter(record(Phase.RELEASE)), on)
    assert options == {"etag": '"1"'}
    assert patch == {
        "tags": {
            "costCenter": "7",
            names.RECORD: record(Phase.RELEASE).encode(),
            names.POOL: "hp1",
            names.SESSION_HOST: "vm-0.contoso.com",
        }
    }


async def test_the_name_of_a_deleted_session_host_stays_known() -> None:
    on = vm(tags={names.SESSION_HOST: "vm-0.contoso.com", names.FRIENDLY_NAME: "Finance"})
    patch, _ = await entered(Enter(record(Phase.REJOIN)), on, session_host=None)
    assert patch["tags"][names.SESSION_HOST] == "vm-0.contoso.com"
    assert patch["tags"][names.FRIENDLY_NAME] == "Finance"


async def test_at_the_end_no_tag_of_ours_is_left() -> None:
    on = vm(tags={"costCenter": "7", "NoScale": "", **dict.fromkeys((names.RECORD, names.POOL), "x")})
    patch, _ = await entered(Enter(None, exclusion_tag=False, friendly_name="", delete_option="Delete"), on)
    assert patch["tags"] == {"costCenter": "7"}
    assert patch["properties"]["storageProfile"]["osDisk"]["deleteOption"] == "Delete"
    assert patch["properties"]["storageProfile"]["osDisk"]["name"] == OLD


async def test_the_exclusion_tag_is_put_on_without_changing_one_that_is_there() -> None:
    patch, _ = await entered(Enter(record(Phase.DRAIN), exclusion_tag=True), vm(tags={"NoScale": "theirs"}))
    assert patch["tags"]["NoScale"] == "theirs"


async def test_a_swap_names_disk_and_id_together_in_the_write_of_the_record() -> None:
    new = disk(NEW, "ready")
    step = Enter(record(Phase.REJOIN), attach=new.id, storage_account_type="Premium_LRS")
    patch, _ = await entered(step, vm("deallocated"))
    assert patch["properties"] == {
        "storageProfile": {
            "osDisk": {
                "name": NEW,
                "createOption": "FromImage",
                "managedDisk": {"id": new.id, "storageAccountType": "Premium_LRS"},
            }
        }
    }
    assert names.RECORD in patch["tags"]


# -- the token


def token(ends_in: float) -> Body:
    return {"token": "T0ken", "expirationTime": iso(NOW + ends_in)}


async def test_a_token_that_lasts_is_reused() -> None:
    azure = Noting({"registration_token": token(2 * HOUR + 1)})
    assert await TokenSource(cast(Azure, azure), "/pool").get(2 * HOUR) == "T0ken"
    assert azure.made("update_host_pool") == []


@pytest.mark.parametrize("there", [None, token(2 * HOUR - 1), token(-DAY), {"token": "", "expirationTime": iso(NOW)}])
async def test_a_token_that_is_missing_or_too_short_is_renewed_and_never_deleted(there: Body | None) -> None:
    azure = Noting({"registration_token": [there, token(3 * DAY)]})
    assert await TokenSource(cast(Azure, azure), "/pool").get(2 * HOUR) == "T0ken"
    [(_, patch)] = azure.made("update_host_pool")
    info = patch["properties"]["registrationInfo"]
    assert info["registrationTokenOperation"] == "Update"
    assert iso(NOW + HOUR) < info["expirationTime"] < iso(NOW + 30 * DAY)


async def test_the_longest_token_stays_within_what_azure_takes() -> None:
    azure = Noting({"registration_token": [None, token(DAY)]})
    await TokenSource(cast(Azure, azure), "/pool").get(60 * DAY)
    [(_, patch)] = azure.made("update_host_pool")
    assert patch["properties"]["registrationInfo"]["expirationTime"] < iso(NOW + 30 * DAY)


async def test_a_pool_without_a_token_is_told() -> None:
    with pytest.raises(HostFailed, match="no registration token"):
        await TokenSource(cast(Azure, Noting()), "/pool").get(HOUR)


# -- users


async def test_a_message_says_how_long_and_to_whom() -> None:
    doing, azure, told = executor(drain={"message": "{pool}: {minutes} minutes on {host}"})
    step = SendMessage((session(number=1),), declared(doing).message, NOW + 1800, MESSAGE)
    memory = await doing.perform(step, view(Phase.DRAIN))
    assert azure.made("send_message") == [(session(number=1).id, "Maintenance", "hp1: 30 minutes on vm-0")]
    assert memory.told == {session(number=1).id: NOW} and memory.warned == {}
    assert [e.data["user"] for e in told if e.kind is Kind.USER] == ["u1@contoso.com"]


async def test_of_users_of_whom_azure_refuses_one_the_others_are_not_told_again() -> None:
    refused = AzureError(500, "InternalServerError", "try again")
    doing, _, told = executor({"send_message": [None, refused, refused]})
    both = (session(number=1), session(number=2))
    step = SendMessage(both, declared(doing).message, NOW + 1800, MESSAGE)
    memory = await doing.perform(step, view(Phase.DRAIN))
    assert memory.told == {both[0].id: NOW}
    assert [e.data["user"] for e in told if e.kind is Kind.USER] == ["u1@contoso.com"]
    with pytest.raises(AzureError, match="try again"):
        await doing.perform(replace(step, sessions=both[1:]), view(Phase.DRAIN))


async def test_times_are_told_in_the_pools_zone_and_in_utc_and_in_each_language() -> None:
    """NOW is 21:00 UTC; the window ends at 05:00 UTC, the next day."""
    texts = {"nl": "Tot {time}, klaar om {finish}.", "en": "By {time_utc}, done at {finish_utc}."}
    night = {"recur_every": "Day", "start": "20:00", "duration": "PT9H", "time_zone": "UTC"}
    doing, azure, _ = executor(
        drain={"message": texts, "message_title": {"en": "Update", "nl": "Onderhoud"}},
        window=night,
        time_zone="W. Europe Standard Time",
    )
    await doing.perform(SendMessage((session(),), declared(doing).message, NOW + 1800, MESSAGE), view(Phase.DRAIN))
    assert [made[1:] for made in azure.made("send_message")] == [
        ("Update", "By 21:30 UTC, done at 2026-01-13 05:00 UTC."),
        ("Onderhoud", "Tot 22:30, klaar om 2026-01-13 06:00."),
    ]


async def test_a_final_message_begins_the_grace_and_a_reminder_does_not() -> None:
    doing, azure, _ = executor()
    said = declared(doing).final_message
    returned = Memory(returned=frozenset({session().id}))
    final = await doing.perform(SendMessage((session(),), said, NOW + 600, FINAL_MESSAGE), view(Phase.DRAIN))
    assert (final.warned, final.warned_at, final.told) == ({session().id: NOW}, NOW, {})
    again = await doing.perform(
        SendMessage((session(),), said, NOW + 600, REMINDER), view(Phase.DRAIN, memory=returned)
    )
    assert (again.warned_at, again.told, again.returned) == (None, {session().id: NOW}, frozenset())
    assert "in 10 minutes" in azure.made("send_message")[0][2]


async def test_a_disconnected_user_who_came_back_is_not_logged_off() -> None:
    now = [session("Active", 1).body, session("Disconnected", 2).body]
    step = LogOffUsers((session("Disconnected", 1), session("Disconnected", 2)))
    doing, azure, _ = executor({"list_user_sessions": [now]}, drain={"log_off": "disconnected_only"})
    memory = await doing.perform(step, view(Phase.DRAIN))
    assert azure.made("log_off") == [(session(number=2).id,)] and memory.logged_off_at == NOW
    azure.answers["list_user_sessions"] = [[session("Active", 1).body, session("Active", 2).body]]
    azure.calls.clear()
    memory = await doing.perform(step, view(Phase.DRAIN))
    assert azure.made("log_off") == [] and memory.logged_off_at is None


async def test_who_came_back_since_the_look_is_not_forced_off_without_a_warning() -> None:
    step = LogOffUsers((session("Disconnected", 1), session("Active", 2)))
    now = [session("Active", 1).body, session("Active", 2).body]
    doing, azure, told = executor({"list_user_sessions": [now]}, drain={"log_off": "force"})
    memory = await doing.perform(step, view(Phase.DRAIN))
    assert azure.made("log_off") == [(session(number=2).id,)] and memory.ended == {session(number=2).id}
    assert [e.data["what"] for e in told if e.kind is Kind.USER] == [LOGGED_OFF]


async def test_a_declared_force_logs_off_active_users_too() -> None:
    step = LogOffUsers((session("Active", 1),))
    doing, azure, _ = executor({"list_user_sessions": [[session("Active", 1).body]]}, drain={"log_off": "force"})
    await doing.perform(step, view(Phase.DRAIN))
    assert azure.made("log_off") == [(session(number=1).id,)]


async def test_who_has_left_meanwhile_is_not_said_to_be_logged_off() -> None:
    step = LogOffUsers((session("Active", 1), session("Active", 2)))
    doing, azure, told = executor({"list_user_sessions": [[session("Active", 2).body]]}, drain={"log_off": "force"})
    await doing.perform(step, view(Phase.DRAIN))
    assert azure.made("log_off") == [(session(number=2).id,)]
    assert [event.data["user"] for event in told if event.kind is Kind.USER] == ["u2@contoso.com"]


async def test_a_refused_deletion_of_the_record_is_no_failure_and_not_asked_again_at_once() -> None:
    doing, _, _ = executor({"delete_session_host": Conflict(409, "SessionsExist", "there are sessions")})
    began = LoopClock().now()
    memory = await doing.perform(DeleteSessionHost(False), view(Phase.RELEASE, memory=Memory(empty_since=NOW)))
    assert (memory.empty_since, memory.refused_deletes) == (None, 1)
    assert LoopClock().now() - began >= 15


async def test_flag_and_friendly_name_go_back_together() -> None:
    doing, azure, _ = executor()
    await doing.perform(SetAllowNewSession(True, friendly_name="Finance"), view(Phase.SERVE))
    [(_, patch)] = azure.made("update_session_host")
    assert patch == {"properties": {"allowNewSession": True, "friendlyName": "Finance"}}


# -- disks and temporary machines


async def test_only_what_carries_the_hosts_id_is_deleted() -> None:
    doing, azure, _ = executor()
    bare, foreign, used = disk(NEW), disk(NEW, "ready"), disk(NEW, "ready", attached=True)
    foreign.body["tags"][names.DISK_HOST_ID] = "guid-of-vm-9"
    for kept in (bare, foreign, used):
        with pytest.raises(HostFailed, match="left alone"):
            await doing.perform(DeleteDisk(kept, "why"), view(Phase.BUILD))
    with pytest.raises(HostFailed, match="left alone"):
        await doing.perform(DeleteTemporaryVm(), view(Phase.BUILD, temporary_vm=vm(name="avdtmp-key")))
    assert azure.calls == []
    await doing.perform(DeleteDisk(disk(NEW, "ready"), "why"), view(Phase.BUILD))
    await doing.perform(DeleteTemporaryVm(), view(Phase.BUILD, temporary_vm=temporary()))
    assert [name for name, _, _ in azure.calls] == ["delete_disk", "delete_vm"]


async def test_a_disk_is_marked_beside_the_tags_it_has_and_unmarked_to_what_is_true() -> None:
    doing, azure, _ = executor()
    old = disk(OLD, attached=True)
    old.body["tags"] = {"costCenter": "7"}
    await doing.perform(MarkDisk(old, "old", image="/image/1.0.0", keep=3 * DAY), view(Phase.DRAIN))
    [(_, patch)] = azure.made("update_disk")
    assert patch["tags"] == {
        "costCenter": "7",
        names.DISK_STATE: "old",
        names.DISK_HOST: "vm-0",
        names.DISK_HOST_ID: "guid-of-vm-0",
        names.DISK_ROLLOUT: "3f2a9c11",
        names.DISK_IMAGE: "/image/1.0.0",
        names.DISK_KEEP_UNTIL: iso(NOW + 3 * DAY),
    }
    old.body["tags"] = patch["tags"]
    await doing.perform(MarkDisk(old, "", image="/image/1.0.0"), view(Phase.SERVE))
    assert azure.made("update_disk")[-1][1]["tags"] == {"costCenter": "7", names.DISK_IMAGE: "/image/1.0.0"}


async def test_a_failed_creation_is_told_and_counts_as_a_try() -> None:
    failed = OperationFailed(200, "OSProvisioningTimedOut", "the OS did not finish")
    doing, _, told = executor({"create_vm": failed, "get_secret": "value"})
    memory = await doing.perform(CreateTemporaryVm(), view(Phase.BUILD, temporary_nic={"id": "/nic"}, old_disk=None))
    assert memory.build_tries == 1 and "OSProvisioningTimedOut" in told[0].text


@pytest.mark.parametrize(
    ("said", "checked"),
    [
        (REGISTRY, True),
        (REGISTRY.replace("COMPLETE", "GENERALIZE_RESEAL_TO_OOBE"), False),
        (REGISTRY.replace("False", "True"), False),
        ("", False),
    ],
)
async def test_a_build_counts_when_set_up_is_complete_and_no_restart_is_pending(said: str, checked: bool) -> None:
    doing, _, _ = executor({"run_command": said})
    memory = await doing.perform(CheckBuild(), view(Phase.BUILD, temporary_vm=temporary()))
    assert memory.build_checked is checked


async def test_an_image_with_an_agent_of_its_own_is_refused() -> None:
    doing, _, _ = executor({"run_command": REGISTRY + "1"})
    with pytest.raises(ImageFault, match="golden image"):
        await doing.perform(CheckBuild(), view(Phase.BUILD, temporary_vm=temporary()))


# -- start, join, checks


@pytest.mark.parametrize("code", ["AllocationFailed", "ZonalAllocationFailed", "OverconstrainedAllocationRequest"])
async def test_missing_capacity_is_no_fault_of_the_image(code: str) -> None:
    doing, _, _ = executor({"start_vm": OperationFailed(200, code, "no capacity")})
    with pytest.raises(AllocationFailed, match=code):
        await doing.perform(Start(), view(Phase.REJOIN, vm("deallocated")))


async def test_an_extension_that_another_write_preempted_is_written_again() -> None:
    preempted = OperationFailed(200, "OperationPreempted", "a more recent request")
    doing, azure, _ = executor({"put_extension": [preempted, preempted, {}], "get_secret": "s"})
    await doing.perform(JoinDirectory(), view(Phase.REJOIN))
    assert len(azure.made("put_extension")) == 3
    doing, _, _ = executor({"put_extension": [preempted] * 3, "get_secret": "s"})
    with pytest.raises(ImageFault, match="domain join"):
        await doing.perform(JoinDirectory(), view(Phase.REJOIN))


async def test_a_failed_join_says_what_the_handler_said() -> None:
    said = "VM has reported a failure. Error message: 'error 1326'. More information on it is there."
    doing, _, _ = executor({"put_extension": OperationFailed(200, "VMExtensionProvisioningError", said)})
    with pytest.raises(ImageFault, match=r"domain join: error 1326$"):
        await doing.perform(JoinDirectory(), view(Phase.REJOIN))


async def test_leaving_the_directory_from_inside_leaves_no_script_that_runs_again() -> None:
    """The last script of the Run Command action would replay on the new disk, and take it out of the directory."""
    doing, azure, _ = executor(join=ENTRA, device_cleanup="leave")
    memory = await doing.perform(LeaveDirectory(), view(Phase.DRAIN))
    assert memory.left_directory and azure.made("run_command") == []
    [(_, _, script, secrets)] = azure.made("run_protected_command")
    assert (script, secrets) == (("dsregcmd /leave",), {})


async def test_an_old_disk_joins_entra_anew_though_a_run_before_a_crash_had_joined_it() -> None:
    doing, azure, _ = executor({"registration_token": token(3 * DAY)}, join=ENTRA)
    await doing.perform(Repair(), view(Phase.UNDO_REJOIN, vm(extensions=[extension(LOGIN)])))
    wanted = ["delete_extension", "run_protected_command", "put_extension", "run_protected_command"]
    assert [called for called, _, _ in azure.calls if called in wanted] == wanted


async def test_registering_again_takes_nobody_out_of_the_directory() -> None:
    doing, azure, _ = executor({"registration_token": token(3 * DAY)}, join=ENTRA)
    assert (await doing.perform(Register(), view(Phase.SERVE))).repaired
    [(_, _, script, secrets)] = azure.made("run_protected_command")
    assert "IsRegistered" in str(script) and "dsregcmd" not in str(script)
    assert list(secrets) == ["RegistrationToken"] and azure.made("put_extension") == []


async def test_only_run_commands_of_ours_are_removed() -> None:
    doing, azure, _ = executor({"list_run_commands": [["avd-repair", "avd-theirs"]]})
    assert (await doing.perform(RemoveRunCommands(), view(Phase.SERVE))).commands_removed
    assert [made[1] for made in azure.made("delete_run_command")] == ["avd-repair"]


async def test_a_last_script_that_cannot_be_removed_is_told_and_holds_nothing_up() -> None:
    doing, azure, told = executor({"remove_run_command": [None, OperationFailed(200, "Failed", "no such extension")]})
    for _ in range(2):
        assert (await doing.perform(RemoveLastScript(), view(Phase.DRAIN))).script_removed
    assert len(azure.made("remove_run_command")) == 2
    assert next(e.text for e in told if e.kind is Kind.WARNING).endswith("no such extension")


async def test_devices_are_looked_for_until_none_is_left() -> None:
    doing, azure, _ = executor({"delete_directory_devices": [1, 1, 0, 1]}, join=ENTRA, device_cleanup="graph")
    await doing.perform(LeaveDirectory(), view(Phase.DRAIN))
    assert len(azure.made("delete_directory_devices")) == 3


GUEST = "SecureChannel=True\nTimeZone=UTC\nNoAutoUpdate=1"


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (GUEST, None),
        (GUEST.replace("True", "False"), "secure channel"),
        (GUEST.replace("UTC", "Pacific Standard Time"), "time zone"),
        (GUEST.replace("NoAutoUpdate=1", "NoAutoUpdate=0"), "Windows Update"),
    ],
)
async def test_the_guest_is_asked_for_what_stays_on_a_disk(said: str, problem: str | None) -> None:
    on = vm(osProfile={"windowsConfiguration": {"timeZone": "UTC", "enableAutomaticUpdates": False}})
    doing, _, _ = executor({"run_command": said})
    if problem is None:
        assert (await doing.perform(CheckGuest(), view(Phase.REJOIN, on))).checked
    else:
        with pytest.raises(ImageFault, match=problem):
            await doing.perform(CheckGuest(), view(Phase.REJOIN, on))


async def test_a_declared_script_that_fails_is_a_fault_of_the_image_at_once() -> None:
    failed = OperationFailed(200, "Failed", "exit code 3: no licence")
    doing, azure, _ = executor({"run_command": GUEST, "run_protected_command": failed}, verify={"script": ["exit 3"]})
    with pytest.raises(ImageFault, match="exit code 3: no licence"):
        await doing.perform(CheckGuest(), view(Phase.REJOIN))
    assert azure.made("run_protected_command")[0][2] == ("exit 3",)


async def test_a_step_keeps_what_was_remembered() -> None:
    doing, _, _ = executor()
    memory = Memory(told={"a": 1.0}, evidence=True)
    found = await doing.perform(SetAllowNewSession(False), view(Phase.UNDO, memory=memory))
    assert found == memory
