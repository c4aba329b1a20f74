"""The story of one stack: declare, promote, repeat, drift, revert, destroy. Each fixture is one command of the CLI,
each test a look at what it left behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from demo.verify import checks
from tests.e2e.emulated_stack import (
    POOL,
    VMS,
    Act,
    EmulatedStack,
    emulated_stack,
    lasting,
    os_disks,
    public_texts,
    secrets_in,
    session_hosts,
    versions,
)

HOSTS = {"vm-0", "vm-1", "vm-2"}
HOST_RESOURCES = (
    "microsoft.compute/virtualmachines",
    "microsoft.compute/virtualmachines/extensions",
    "microsoft.compute/disks",
    "microsoft.network/networkinterfaces",
    "microsoft.desktopvirtualization/hostpools",
    "microsoft.desktopvirtualization/hostpools/sessionhosts",
)
DRIFTED = "vm-1"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatedStack]:
    with emulated_stack(tmp_path_factory.mktemp("promotion")) as made:
        yield made


@pytest.fixture(scope="module")
def declared(stack: EmulatedStack) -> Act:
    return stack.run("up", "--yes", "--skip-preview")


@pytest.fixture(scope="module")
def previewed(stack: EmulatedStack, declared: Act) -> Act:
    stack.pulumi.set("image_version", "1.0.1")
    return stack.run("preview", "--diff")


@pytest.fixture(scope="module")
def promoted(stack: EmulatedStack, previewed: Act) -> Act:
    """With the CLI's most talkative log, which goes to files in the folder of temporary files."""
    logs = stack.folder / "verbose"
    logs.mkdir()
    return stack.run("up", "--yes", "--skip-preview", "-v=9", "--logflow", TMPDIR=str(logs))


@pytest.fixture(scope="module")
def repeated(stack: EmulatedStack, promoted: Act) -> Act:
    return stack.run("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes")


@pytest.fixture(scope="module")
def drifted(stack: EmulatedStack, repeated: Act) -> Act:
    """Somebody switches a host off and puts its former disk back."""
    disk_id = declared_disk(repeated, DRIFTED)
    vm = f"{VMS}/{DRIFTED}"
    stack.arm("POST", f"{vm}/deallocate")
    os_disk = {"name": disk_id.rsplit("/", 1)[-1], "managedDisk": {"id": disk_id}}
    stack.arm("PATCH", vm, {"properties": {"storageProfile": {"osDisk": os_disk}}})
    return stack.run("preview", "--refresh", "--diff", "--expect-no-changes")


@pytest.fixture(scope="module")
def healed(stack: EmulatedStack, drifted: Act) -> Act:
    return stack.run("up", "--yes", "--skip-preview", "--refresh")


@pytest.fixture(scope="module")
def reverted(stack: EmulatedStack, healed: Act) -> Act:
    stack.pulumi.set("image_version", "1.0.0")
    return stack.run("up", "--yes", "--skip-preview", "-v=9", "--logtostderr")


@pytest.fixture(scope="module")
def destroyed(stack: EmulatedStack, reverted: Act) -> Act:
    return stack.run("destroy", "--yes", "--skip-preview")


def declared_disk(act: Act, host: str) -> str:
    """Id of the disk that the rollout took off a host and keeps."""
    return next(
        str(body["id"])
        for body in act.after["resources"].values()
        if (body.get("tags") or {}).get("avd-host") == host and body.get("managedBy") is None
    )


def test_declaring_what_the_hosts_run_is_complete_and_touches_no_host(declared: Act) -> None:
    assert declared.exit_code == 0, declared.output
    assert declared.writes == []
    assert lasting(declared.after, *HOST_RESOURCES) == lasting(declared.before, *HOST_RESOURCES)
    made = {body["name"] for key, body in declared.after["resources"].items() if "/galleries/" in key}
    assert made >= {"avd", "win11", "1.0.0", "1.0.1"}
    assert 'status       : "complete"' in declared.output


def test_the_preview_shows_the_plan_host_by_host_and_writes_nothing(previewed: Act) -> None:
    assert previewed.exit_code == 0, previewed.output
    plan = [line.split() for line in previewed.output.splitlines() if "1.0.0 -> 1.0.1" in line]
    assert {words[1] for words in plan} == HOSTS, previewed.output
    assert sum("(canary)" in line for line in previewed.output.splitlines()) == 1
    assert previewed.all_writes == []


def test_every_check_of_the_demo_passes_after_the_promotion(promoted: Act) -> None:
    assert promoted.exit_code == 0, promoted.output
    assert versions(promoted.after) == dict.fromkeys(HOSTS, "1.0.1")
    assert {check.title: check.problems for check in checks(promoted.evidence("1.0.1")) if check.problems} == {}


def test_a_live_line_and_each_host_are_shown_beside_the_resource(promoted: Act) -> None:
    assert "attempt 1 begins: 3 hosts to 1.0.1" in promoted.output
    assert all(any(f"{host} done" in line for line in promoted.output.splitlines()) for host in HOSTS)


def test_a_refresh_finds_nothing_and_the_same_up_again_changes_and_writes_nothing(repeated: Act) -> None:
    assert repeated.exit_code == 0, repeated.output
    assert repeated.all_writes == []


def test_a_disk_that_somebody_swapped_is_drift(drifted: Act) -> None:
    assert drifted.exit_code != 0, drifted.output
    assert f'{DRIFTED}: "1.0.0 -> 1.0.1' in " ".join(drifted.output.split()).replace(" :", ":"), drifted.output
    assert "no changes were expected" in drifted.output
    assert drifted.all_writes == []


def test_up_brings_the_drifted_host_back_and_leaves_the_others_alone(healed: Act) -> None:
    assert healed.exit_code == 0, healed.output
    assert versions(healed.after) == dict.fromkeys(HOSTS, "1.0.1")
    was, now = os_disks(healed.before), os_disks(healed.after)
    assert {host for host in HOSTS if was[host] != now[host]} == {DRIFTED}
    touched = {w.split()[1].removeprefix(f"{VMS}/").split("/")[0] for w in healed.writes if f"{VMS}/vm-" in w}
    assert touched == {DRIFTED}


def test_a_host_that_was_off_is_off_again(healed: Act) -> None:
    vm_id = healed.after["resources"][f"{VMS}/{DRIFTED}".lower()]["properties"]["vmId"]
    assert healed.after["guests"][vm_id]["booted"] is False


def test_the_revert_attaches_the_kept_disks_and_builds_nothing(declared: Act, reverted: Act) -> None:
    assert reverted.exit_code == 0, reverted.output
    assert versions(reverted.after) == dict.fromkeys(HOSTS, "1.0.0")
    assert os_disks(reverted.after) == os_disks(declared.before)
    assert [write for write in reverted.writes if "avdtmp" in write] == []
    at_work = {host for host, record in session_hosts(reverted.after).items() if record["status"] == "Available"}
    assert at_work == HOSTS - {DRIFTED}
    assert all(record["allowNewSession"] for record in session_hosts(reverted.after).values())


def test_destroy_leaves_every_host_as_it_is(destroyed: Act) -> None:
    assert destroyed.exit_code == 0, destroyed.output
    assert lasting(destroyed.after, *HOST_RESOURCES) == lasting(destroyed.before, *HOST_RESOURCES)
    assert not [key for key in destroyed.after["resources"] if "/galleries/" in key]
    assert POOL.lower() in destroyed.after["resources"]


def test_no_call_of_either_principal_is_refused(
    declared: Act, previewed: Act, promoted: Act, drifted: Act, healed: Act, reverted: Act, destroyed: Act
) -> None:
    acts = (declared, previewed, promoted, drifted, healed, reverted, destroyed)
    assert [call for act in acts for call in act.refused] == []
    assert all(act.writes for act in (promoted, healed, reverted))


def test_i8_nothing_that_is_secret_is_shown_or_kept(
    stack: EmulatedStack, promoted: Act, reverted: Act, destroyed: Act
) -> None:
    texts = public_texts(stack, promoted, reverted, destroyed)
    assert secrets_in(stack, texts) == []
    for channel in (".jsonl", ".audit.jsonl", "/history/", ".json", "/verbose/", "emulator.log"):
        assert any(channel in where for where in texts), channel
    assert "eventSink" in reverted.output, "the log is talkative"
