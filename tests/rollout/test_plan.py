"""Which hosts need work, in which order, and how it is said."""

from __future__ import annotations

import dataclasses
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout import names
from rollout.arm import SessionHost, Vm
from rollout.clock import iso
from rollout.errors import InvalidDeclaration
from rollout.names import rollout_id
from rollout.observation import Host, Pool
from rollout.plan import hosts_to_update, lines, rebuild, state_line
from rollout.pool_record import RolloutRecord, State
from rollout.record import HostRecord, Phase
from tests.support.observed import (
    NOW,
    POOL,
    declaration,
    host,
    image,
    kept_disk,
    pool,
    session_host_body,
    version,
    vm_body,
)

RECORD = HostRecord("abcd", 1, 1, Phase.REJOIN, int(NOW))
ZONES = {"zones": ["2"]}


def order(hosts: list[Host], **inputs: object) -> list[str]:
    return [work.host for work in hosts_to_update(pool(hosts), image(), declaration(**inputs))]


def record(state: State, *, done: int = 4, of: int = 12, canary: int = 0) -> dict[str, str]:
    wanted = rollout_id(POOL, version("1.0.1"), None, None)
    return {names.RECORD: RolloutRecord(wanted, 2, state, int(NOW), 0, of, canary).encode()}


def test_a_pool_on_the_target_needs_nothing() -> None:
    there = pool([host("vm-0", runs="1.0.1"), host("vm-1", runs="1.0.1")])
    assert hosts_to_update(there, image(), declaration()) == ()
    assert lines(there, image(), declaration()) == {}
    assert state_line(there, image(), declaration()) == "complete, 2 of 2 hosts run 1.0.1"


def test_the_lines_of_a_preview() -> None:
    hosts = [host(f"vm-{n}", runs="1.0.1" if n == 1 else "1.0.0") for n in range(3)]
    assert lines(pool(hosts), image(), declaration()) == {"vm-0": "1.0.0 -> 1.0.1 (canary)", "vm-2": "1.0.0 -> 1.0.1"}
    assert state_line(pool(hosts), image(), declaration()) == "2 of 3 hosts need work"


def test_an_unknown_image_needs_work() -> None:
    work = hosts_to_update(pool([host("vm-0", runs=None)]), image(), declaration())[0]
    assert (work.from_image, work.to, work.reasons) == ("unknown", "1.0.1", ("image",))


def test_the_order_is_half_done_off_empty_then_fewest_sessions() -> None:
    hosts = [
        host("five", sessions=5),
        host("one", sessions=1),
        host("empty"),
        host("drained", allowNewSession=False),
        host("off", status="Shutdown"),
        host("deallocated", disk={"properties": {"diskState": "Reserved"}}),
        host("silent", lastHeartBeat=iso(NOW - 3600), sessions=9),
        host("half", in_pool=False, found=RECORD),
    ]
    assert order(hosts) == ["half", "deallocated", "off", "silent", "drained", "empty", "one", "five"]


def test_for_comparison_hosts_go_by_name_whatever_their_sessions() -> None:
    hosts = [host("vm-10"), host("vm-2", sessions=5), host("vm-1", status="Shutdown"), host("vm-3", found=RECORD)]
    works = hosts_to_update(pool(hosts), image(), declaration(), by_sessions=False)
    assert [work.host for work in works] == ["vm-3", "vm-1", "vm-2", "vm-10"]


@given(st.permutations(range(12)))
def test_the_order_does_not_depend_on_how_azure_lists(listed: list[int]) -> None:
    hosts = [host(f"vm-{n}", sessions=n % 3, vm={"zones": [str(n % 2)]}) for n in range(12)]
    assert order([hosts[n] for n in listed]) == order(hosts)


def test_zones_take_turns_among_equals() -> None:
    hosts = [host("vm-0"), host("vm-1"), host("vm-2", vm=ZONES), host("vm-3", vm=ZONES)]
    assert order(hosts) == ["vm-0", "vm-2", "vm-1", "vm-3"]


def test_include_and_exclude_take_vm_names_in_any_case() -> None:
    hosts = [host("vm-0"), host("vm-1"), host("vm-2")]
    assert order(hosts, include=["VM-1", "vm-2"]) == ["vm-1", "vm-2"]
    assert order(hosts, exclude=["VM-1"]) == ["vm-0", "vm-2"]


def test_what_is_half_done_is_brought_home_even_if_excluded() -> None:
    assert order([host("vm-0", runs="1.0.1", found=RECORD), host("vm-1")], exclude=["vm-0", "vm-1"]) == ["vm-0"]


@pytest.mark.parametrize("prop", ["include", "exclude"])
def test_an_unknown_name_is_an_error_that_lists_the_hosts(prop: str) -> None:
    with pytest.raises(InvalidDeclaration, match="vm-9") as raised:
        order([host("vm-0"), host("vm-1")], **{prop: ["vm-9"]})
    assert raised.value.prop == f"{prop}[0]" and "vm-0, vm-1" in raised.value.remedy


def test_size_and_disk_type_are_work_of_their_own() -> None:
    there = pool([host("vm-0", runs="1.0.1")])
    declared = declaration(vm_size="Standard_D8s_v5", os_disk_type="StandardSSD_LRS", canary={"hosts": 0})
    assert hosts_to_update(there, image(), declared)[0].reasons == ("vm_size", "os_disk_type")
    assert lines(there, image(), declared) == {
        "vm-0": "1.0.1 -> 1.0.1 (size Standard_D4s_v5 -> Standard_D8s_v5; disk Premium_LRS -> StandardSSD_LRS)"
    }
    assert order([host("vm-0", runs="1.0.1")], vm_size="standard_d4S_v5", os_disk_type="premium_lrs") == []


def test_a_host_that_failed_is_tried_again_unless_it_serves_the_target() -> None:
    back = dataclasses.replace(RECORD, p=Phase.ROLLED_BACK, w="never registered")
    failed = dataclasses.replace(RECORD, p=Phase.FAILED)
    hosts = [
        host("back", found=back),
        host("failed", runs="1.0.1", found=failed),
        host("there", runs="1.0.1", found=back),
    ]
    works = {work.host: work.reasons for work in hosts_to_update(pool(hosts), image(), declaration())}
    assert works == {"back": ("image", "retry after failure"), "failed": ("retry after failure",)}
    assert "rolled-back before: never registered" in lines(pool(hosts), image(), declaration())["back"]


def test_a_half_done_host_is_said_with_its_phase() -> None:
    work = hosts_to_update(pool([host("vm-0", found=RECORD)]), image(), declaration())[0]
    assert work.reasons == ("image", "half done: rejoin") and not work.canary
    assert work.text == "1.0.0 -> 1.0.1 (half done: rejoin)"


def test_a_kept_disk_of_the_target_is_the_way_back() -> None:
    kept = [
        kept_disk("newer", "vm-0", "1.0.1"),
        kept_disk("older", "vm-0", "1.0.1"),
        kept_disk("other", "vm-0", "0.9.0"),
    ]
    work = hosts_to_update(pool([host("vm-0", kept=kept)]), image(), declaration())[0]
    assert work.revert is kept[0]
    assert (
        lines(pool([host("vm-0", kept=kept)]), image(), declaration())["vm-0"] == "1.0.0 -> 1.0.1 (kept disk) (canary)"
    )


@pytest.mark.parametrize(
    "unfit",
    [
        kept_disk("d", "vm-0", "0.9.0"),
        kept_disk("d", "vm-0", "1.0.1", state="failed"),
        kept_disk("d", "vm-0", "1.0.1", state="ready"),
        kept_disk("d", "vm-0", "1.0.1", properties={"securityProfile": {"securityType": "Standard"}}),
        kept_disk("d", "vm-0", "1.0.1", properties={"encryption": {"diskEncryptionSetId": "/des"}}),
        kept_disk("d", "vm-0", "1.0.1", sku={"name": "StandardSSD_LRS"}),
    ],
    ids=["other version", "failed", "never joined", "security type", "encryption set", "disk type"],
)
def test_a_disk_that_does_not_fit_is_no_way_back(unfit: object) -> None:
    hosts = [host("vm-0", kept=[unfit])]  # type: ignore[list-item]
    assert hosts_to_update(pool(hosts), image(), declaration(os_disk_type="Premium_LRS"))[0].revert is None


def test_canaries_are_the_first_hosts_that_are_not_half_done() -> None:
    hosts = [host("vm-0", found=RECORD), host("vm-1", sessions=1), host("vm-2", sessions=2), host("vm-3", sessions=3)]
    works = hosts_to_update(pool(hosts), image(), declaration(canary={"hosts": 2}))
    assert [(work.order, work.host, work.canary) for work in works] == [
        (0, "vm-0", False), (1, "vm-1", True), (2, "vm-2", True), (3, "vm-3", False)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("tags", "marked"),
    [
        ({}, 2),
        (record(State.PAUSED, of=3), 1),
        (record(State.RUNNING, of=12), 0),
        (record(State.RUNNING, of=2, canary=1), 0),
        (record(State.COMPLETE_WITH_FAILURES, of=12, canary=1), 2),
    ],
    ids=["new", "one of two is done", "both are done", "passed", "a new attempt begins anew"],
)
def test_an_attempt_that_goes_on_has_its_canaries_behind_it(tags: dict[str, str], marked: int) -> None:
    works = hosts_to_update(pool([host("vm-0"), host("vm-1")], tags=tags), image(), declaration(canary={"hosts": 2}))
    assert sum(work.canary for work in works) == marked


def test_kept_disks_past_their_date_and_leftovers_are_cleanup() -> None:
    kept = [
        kept_disk("due", "vm-0", "0.9.0", until=NOW - 1),
        kept_disk("not-due", "vm-0", "0.9.1"),
        kept_disk("orphan", "vm-0", "1.0.1", state="building"),
    ]
    temporary = Vm(vm_body("avdtmp-1", tags={names.DISK_HOST_ID: "guid-of-vm-0"}))
    there = pool([host("vm-0", runs="1.0.1", kept=kept)], temporary_vms=(temporary,))
    assert lines(there, image(), declaration()) == {"cleanup": "2 disks, 1 temporary VM"}


def test_the_template_is_shown_when_a_rollout_will_change_it() -> None:
    template = {"vmTemplate": '{"imageType":"CustomImage","customImageId":"/old"}'}
    todo, there = pool([host("vm-0")], properties=template), pool([host("vm-0", runs="1.0.1")], properties=template)
    assert lines(todo, image(), declaration())["vmTemplate"] == "image 1.0.1"
    assert lines(there, image(), declaration()) == {}


def test_an_attempt_without_hosts_left_is_still_to_be_ended() -> None:
    there = pool([host("vm-0", runs="1.0.1")], tags=record(State.RUNNING))
    assert lines(there, image(), declaration()) == {"rollout": "attempt 2 has no hosts left and is to be ended"}


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        (record(State.PAUSED), "paused, 10 of 12 done"),
        (record(State.RUNNING), "running, 10 of 12 done"),
        (record(State.RUNNING) | {names.PAUSE: "anna"}, "paused, 10 of 12 done"),
        (record(State.STOPPED), "2 of 2 hosts need work"),
        ({names.RECORD: "garbage"}, "2 of 2 hosts need work"),
    ],
)
def test_the_state_line(tags: dict[str, str], said: str) -> None:
    assert state_line(pool([host("vm-0"), host("vm-1")], tags=tags), image(), declaration()) == said


def test_the_state_line_counts_failures_and_ghosts() -> None:
    failed = host("vm-0", found=dataclasses.replace(RECORD, p=Phase.ROLLED_BACK))
    ghost = SessionHost(session_host_body("gone"))
    there = pool([failed, host("vm-1")], tags=record(State.COMPLETE_WITH_FAILURES), ghosts=(ghost,))
    assert state_line(there, image(), declaration()) == (
        "2 of 2 hosts need work after complete_with_failures, 1 failed; 1 session hosts without a VM"
    )


def test_the_plan_of_many_hosts_names_each_once() -> None:
    hosts = [host(f"vm-{n}", sessions=random.Random(n).randrange(9)) for n in range(500)]
    there: Pool = pool(hosts)
    plan = lines(there, image(), declaration())
    assert set(plan) == {h.name for h in hosts}
    assert sum(text.endswith("(canary)") for text in plan.values()) == 1


def test_a_rebuild_that_a_crash_left_only_to_be_ended_rebuilds_nothing_again() -> None:
    rebuilt = host("vm-0", runs="1.0.1", vm={"properties": {"storageProfile": {"osDisk": {"name": built(1)}}}})
    assert rebuild(pool([rebuilt], tags=rebuilding(1)), "vm-0", image()) == ()
    assert rebuild(pool([rebuilt], tags=rebuilding(2)), "vm-0", image())
    assert rebuild(pool([rebuilt]), "vm-0", image())


def built(attempt: int) -> str:
    return names.new_disk("vm-0", names.build_key("guid-of-vm-0", image().id, attempt))


def rebuilding(attempt: int) -> dict[str, str]:
    return {names.RECORD: RolloutRecord("3f2a9c11", attempt, State.RUNNING, int(NOW), n=1, t="vm-0").encode()}
