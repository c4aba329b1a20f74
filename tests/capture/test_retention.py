"""Which versions and backups go, and which never do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from capture import names, retention
from capture.declaration import CaptureDeclaration, Retention, parse
from capture.retention import Going, Uses, going
from capture.steps import Resource
from rollout.clock import iso
from rollout.names import TARGET
from rollout.values import DAY
from simulation.emulated_pool import DEFINITION, GROUP, POOL
from simulation.golden_vm import GOLDEN, INPUTS, golden_vm
from simulation.in_process import in_process_cloud
from simulation.virtual_time import virtually

NOW = 1_800_000_000.0
DECLARED = replace(parse({**INPUTS, "version": "1.0.4"}), retention=Retention(2, 30 * DAY, 10 * DAY))
NOTHING = Uses({}, {}, {}, {}, {})


def version(number: str, age: float, **tags: str) -> Resource:
    """One that a capture of the golden VM has made `age` days ago."""
    profile = {"publishedDate": iso(NOW - age * DAY)}
    own = {names.ID: "x", names.GOLDEN: GOLDEN, **tags}
    properties: dict[str, Any] = {"provisioningState": "Succeeded", "publishingProfile": profile}
    return Resource({"id": f"{DEFINITION}/versions/{number}", "tags": own, "properties": properties})


def snapshot(name: str, age: float, which: str, **tags: str) -> Resource:
    own = {names.ID: "x", names.GOLDEN: GOLDEN, names.BACKUP: which, **tags}
    return Resource(
        {"id": f"{GROUP}/snapshots/{name}", "tags": own, "properties": {"timeCreated": iso(NOW - age * DAY)}}
    )


VERSIONS = [version(f"1.0.{number}", 100 - 20 * number) for number in range(5)]
"""1.0.0 of 100 days ago to 1.0.4 of 20 days ago."""


SHARED = "/SharedGalleries/11111111-1111-1111-1111-111111111111-AVD/Images/win11/Versions/1.0.1"
PUBLIC = "/CommunityGalleries/contoso-7ea81c76/Images/win11/Versions/1.0.1"


def gone(declared: CaptureDeclaration = DECLARED, uses: Uses = NOTHING, versions: Any = VERSIONS) -> list[str]:
    return [each.name for each in going(declared, versions, [], uses, NOW).versions]


def test_the_last_ones_and_the_young_ones_stay() -> None:
    assert gone() == ["1.0.2", "1.0.1", "1.0.0"]
    assert gone(replace(DECLARED, retention=Retention(1, 70 * DAY, 0))) == ["1.0.1", "1.0.0"]
    assert gone(replace(DECLARED, version="1.0.1")) == ["1.0.2", "1.0.0"], "the declared one stays"


@pytest.mark.parametrize(
    ("uses", "why"),
    [
        (replace(NOTHING, disks={VERSIONS[1].id.upper(): "vm-0_OsDisk"}), "disk vm-0_OsDisk was made of it"),
        (replace(NOTHING, targets={VERSIONS[1].id: "hp1"}), "it is the target of pool hp1"),
        (replace(NOTHING, targets={SHARED: "hp3"}), "it is the target of pool hp3"),
        (replace(NOTHING, disks={PUBLIC: "vm-1_OsDisk"}), "disk vm-1_OsDisk was made of it"),
        (replace(NOTHING, numbers={"1.0.1": "hp2"}), "pool hp2 ran it or is to run it"),
        (replace(NOTHING, scale_sets={VERSIONS[1].id: "web"}), "scale set web is to run it"),
        (replace(NOTHING, locked={VERSIONS[1].id: "keep"}), "lock keep"),
    ],
)
def test_what_is_used_or_locked_stays(uses: Uses, why: str) -> None:
    found = going(DECLARED, VERSIONS, [], uses, NOW)
    assert [each.name for each in found.versions] == ["1.0.2", "1.0.0"]
    assert found.kept == {"1.0.1": why}


def test_what_others_made_and_what_has_not_reached_its_end_of_life_stays() -> None:
    other = version("1.0.0", 500)
    other.body["tags"][names.GOLDEN] = GOLDEN.replace("golden", "silver")
    by_hand = Resource({**version("1.1.0", 500).body, "tags": {}})
    built = Resource({**version("1.1.1", 500).body, "tags": {"source": "azureVmImageBuilder"}})
    alive = version("1.2.0", 500)
    alive.body["properties"]["publishingProfile"]["endOfLifeDate"] = iso(NOW + DAY)
    busy = version("1.3.0", 500)
    busy.body["properties"]["provisioningState"] = "Updating"
    assert gone(versions=[*VERSIONS[3:], other, by_hand, built, alive, busy]) == []


def test_a_version_of_another_gallery_that_is_shared_keeps_none() -> None:
    elsewhere = {SHARED.replace("-AVD", "-OTHER"): "a", PUBLIC.replace("win11", "win10"): "b"}
    assert gone(uses=replace(NOTHING, disks=elsewhere)) == ["1.0.2", "1.0.1", "1.0.0"]


def test_what_latest_stands_for_stays_though_it_is_old() -> None:
    def excluded(number: str, age: float) -> Resource:
        made = version(number, age)
        made.body["properties"]["publishingProfile"]["excludeFromLatest"] = True
        return made

    newer = [excluded(f"1.0.{number}", 100 - 20 * number) for number in range(1, 5)]
    assert gone(versions=[VERSIONS[0], *newer]) == ["1.0.2", "1.0.1"]


def test_one_that_failed_its_test_is_none_of_the_last() -> None:
    failed = version("1.0.5", 10, **{names.BOOT_TEST: "failed: x"})
    assert gone(versions=[*VERSIONS, failed]) == ["1.0.2", "1.0.1", "1.0.0"]
    old = version("1.0.5", 40, **{names.BOOT_TEST: "failed: x"})
    old.body["properties"]["publishingProfile"]["excludeFromLatest"] = True
    assert "1.0.5" in gone(versions=[*VERSIONS[3:], old])


def test_old_backups_go_but_never_the_newest_pair() -> None:
    taken = [snapshot("a-before", 50, "before"), snapshot("a-after", 50, "after")]
    newer = [snapshot("b-before", 20, "before"), snapshot("b-after", 20, "after"), snapshot("c-before", 5, "before")]
    other = snapshot("other", 90, "before", **{names.GOLDEN: "somebody's"})
    found = going(DECLARED, VERSIONS[4:], [*taken, *newer, other], NOTHING, NOW)
    assert sorted(each.name for each in found.snapshots) == ["a-after", "a-before", "b-before"]
    assert str(found) == "delete backups b-before, a-before, a-after"
    assert not Going()


def test_what_the_coming_capture_makes_counts_before_it_is_there() -> None:
    """So that a preview lists all that will go."""
    coming = replace(DECLARED, version="1.0.9", retention=Retention(2, 10 * DAY, 10 * DAY))
    assert gone(coming) == ["1.0.3", "1.0.2", "1.0.1", "1.0.0"]
    aside = replace(coming, exclude_from_latest=True, retention=Retention(1, 0, 0))
    assert gone(aside) == ["1.0.3", "1.0.2", "1.0.1", "1.0.0"], "latest stays 1.0.4"
    assert gone(replace(aside, exclude_from_latest=False)) == ["1.0.4", "1.0.3", "1.0.2", "1.0.1", "1.0.0"]
    pair = [snapshot("a-before", 50, "before"), snapshot("a-after", 50, "after")]
    assert len(going(coming, VERSIONS, pair, NOTHING, NOW).snapshots) == 2
    assert going(DECLARED, VERSIONS, pair, NOTHING, NOW).snapshots == ()


def test_a_version_goes_with_the_capture_after_it_and_one_that_a_disk_was_made_of_stays() -> None:
    rules = {"versions": 1.0, "age": "P10D", "backups": "P10D"}

    async def story() -> tuple[list[str], list[str], Going]:
        made = await golden_vm(hosts=1)
        for number in ("1.0.2", "1.0.3"):
            await made.capture(version=number)
            await made.clock.sleep(20 * DAY)
        creation = {"createOption": "FromImage", "galleryImageReference": {"id": f"{DEFINITION}/versions/1.0.3"}}
        disk = {"location": "westeurope", "properties": {"creationData": creation}}
        answer = made.ask("PUT", f"{GROUP}/providers/Microsoft.Compute/disks/kept", disk, "2024-03-02")
        assert answer.status == 202, answer.body
        await made.clock.sleep(60)
        storage = {"imageReference": {"id": f"{DEFINITION}/versions/1.0.2"}}
        model = {"virtualMachineProfile": {"storageProfile": storage}}
        sets = f"{GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/web"
        named = {"id": sets, "name": "web", "type": "Microsoft.Compute/virtualMachineScaleSets"}
        made.emulator.world.put(sets, {**named, "location": "westeurope", "properties": model})
        async with in_process_cloud(made.emulator, made.clock) as azure:
            declared = parse({**INPUTS, "version": "1.0.4", "retention": rules})
            assert (await kept(azure, declared))["1.0.2"] == "scale set web is to run it"
            made.emulator.world.delete(sets)
            lock = f"{DEFINITION}/versions/1.0.2/providers/Microsoft.Authorization/locks/keep"
            made.ask("PUT", lock, {"properties": {"level": "CanNotDelete"}}, "2016-09-01")
            assert (await kept(azure, declared))["1.0.2"] == "lock keep"
            made.ask("DELETE", lock, None, "2016-09-01")
            await azure.merge_tags(POOL, {TARGET: f"{DEFINITION}/versions/1.0.2"})
            assert (await kept(azure, declared))["1.0.2"] == "it is the target of pool hp1"
            await azure.delete_tags(POOL, {TARGET: f"{DEFINITION}/versions/1.0.2"})
            assert await kept(azure, declared) == {"1.0.3": "disk kept was made of it"}
        async with in_process_cloud(made.emulator, made.clock) as azure:
            azure.list_permissions = not_all  # type: ignore[method-assign]
            blind = await retention.look(azure, replace(DECLARED, retention=Retention(1, 0, 0)))
        await made.capture(version="1.0.4", retention=rules)
        left = [
            each.id.rsplit("/", 1)[-1] for each in made.emulator.world.resources.values() if "/versions/" in each.id
        ]
        backups = [each.id for each in made.emulator.world.resources.values() if "/snapshots/" in each.id]
        return sorted(left), backups, blind

    async def kept(azure: Any, declared: CaptureDeclaration) -> dict[str, str]:
        return dict((await retention.look(azure, declared)).kept)

    async def not_all(scope: str) -> list[Any]:
        return [{"actions": ["Microsoft.Compute/virtualMachines/*"]}]

    left, snapshots, blind = virtually(story())
    assert left == ["1.0.3", "1.0.4"]
    assert len(snapshots) == 2
    assert not blind and "the updater's role lacks Microsoft.Compute/disks/read" in blind.unknown
