"""What automatic OS upgrades of scale sets wait for: maintenance windows, lifecycle hooks, notifications."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from emulator import clock
from emulator.maintenance import windows
from tests.emulator.arm_client import GROUP, LOCATION, code, message
from tests.emulator.compute.sets import AUTOMATIC, HEALTH, HOUR, SET, Sets

MAINTENANCE = f"{GROUP}/providers/Microsoft.Maintenance/maintenanceConfigurations/weekend"
ASSIGNMENT = f"{SET}/providers/Microsoft.Maintenance/configurationAssignments/weekend"
HOOKS = "2025-11-01"


@pytest.fixture
def sets() -> Sets:
    return Sets()


def configuration(**window: Any) -> dict[str, Any]:
    return {
        "location": LOCATION,
        "properties": {
            "maintenanceScope": "OSImage",
            "maintenanceWindow": {
                "startDateTime": "2026-01-01 22:00",
                "duration": "05:00",
                "timeZone": "W. Europe Standard Time",
                "recurEvery": "Week Saturday",
                **window,
            },
        },
    }


def maintain(sets: Sets, method: str, path: str, body: Any = None) -> Any:
    return sets.call(method, path, body, version="2023-10-01-preview")


def hours_of_batches(sets: Sets) -> list[datetime]:
    entries = [each for upgrade in sets.upgrades() for each in upgrade["log"] if each["event"] == "batch"]
    return [datetime.fromisoformat(each["time"]) for each in entries]


def test_upgrades_go_on_in_maintenance_windows_only_and_resume_in_the_next(sets: Sets) -> None:
    rolling = {"pauseTimeBetweenBatches": "PT1H", "maxBatchInstancePercent": 5, "maxUnhealthyInstancePercent": 20}
    sets.create(8, automatic=AUTOMATIC, rolling=rolling, extensions=[HEALTH])
    assert maintain(sets, "PUT", MAINTENANCE, configuration()).status == 201
    assigned = {"location": LOCATION, "properties": {"maintenanceConfigurationId": MAINTENANCE}}
    assert maintain(sets, "PUT", ASSIGNMENT, assigned).body["properties"]["resourceId"] == SET
    sets.bring_out("1.0.1")
    sets.until_ended(hours=24 * 21, step=HOUR)
    assert set(sets.images()) == {"1.0.1"}
    moments = hours_of_batches(sets)
    assert len(moments) == 8
    assert {(moment.weekday(), moment.hour >= 21) for moment in moments} <= {(5, True), (6, False)}
    assert all(moment.hour >= 21 or moment.hour < 2 for moment in moments)
    assert len({moment.isocalendar().week for moment in moments}) == 2
    assert maintain(sets, "DELETE", ASSIGNMENT).status == 200
    assert maintain(sets, "GET", ASSIGNMENT).status == 404


@pytest.mark.parametrize(
    ("window", "wanted"),
    [
        ({"duration": "04:00"}, "at least 05:00"),
        ({"recurEvery": "Month First Sunday"}, "at most 7 days"),
        ({"timeZone": "Nowhere"}, "timeZone 'Nowhere'"),
        ({"recurEvery": "Week Noday"}, "names days that there are not"),
        ({"startDateTime": "tomorrow"}, "is not YYYY-MM-DD hh:mm"),
    ],
)
def test_windows_that_are_refused(sets: Sets, window: dict[str, Any], wanted: str) -> None:
    answer = maintain(sets, "PUT", MAINTENANCE, configuration(**window))
    assert answer.status == 400
    assert wanted in message(answer)


@pytest.mark.parametrize(
    ("recur", "at", "opens"),
    [
        ("Day", "2026-01-10T23:00:00Z", "2026-01-10T23:00:00Z"),
        ("3Days", "2026-01-02T04:00:00Z", "2026-01-04T22:00:00Z"),
        ("2Weeks Saturday", "2026-01-05T00:00:00Z", "2026-01-17T22:00:00Z"),
        ("Month Third Monday", "2026-01-05T00:00:00Z", "2026-01-19T22:00:00Z"),
        ("Month Last Sunday Offset-3", "2026-01-05T00:00:00Z", "2026-01-22T22:00:00Z"),
        ("Month day10,day-1", "2026-01-12T00:00:00Z", "2026-01-31T22:00:00Z"),
    ],
)
def test_when_a_window_opens(recur: str, at: str, opens: str) -> None:
    window = windows.parse({"startDateTime": "2026-01-01 22:00", "duration": "05:00", "recurEvery": recur})
    moment = clock.parse(at)
    assert moment + windows.closed_for(window, moment) == clock.parse(opens)


def test_a_window_that_expired_never_opens() -> None:
    given = {"startDateTime": "2026-01-01 22:00", "expirationDateTime": "2026-01-05 00:00", "recurEvery": "Day"}
    assert windows.closed_for(windows.parse(given), clock.parse("2026-02-01T00:00:00Z")) == float("inf")


def hooks(*kinds: str, wait: str = "PT8H") -> dict[str, Any]:
    return {"lifecycleHooksProfile": {"lifecycleHooks": [{"type": kind, "waitDuration": wait} for kind in kinds]}}


def events(sets: Sets, state: str = "Active") -> list[dict[str, Any]]:
    found = sets.get(f"{SET}/lifecycleHookEvents", version=HOOKS).body["value"]
    return [each for each in found if each["properties"]["state"] == state]


def answer(sets: Sets, event: dict[str, Any], states: dict[str, str]) -> Any:
    targets = [
        {**each, "actionState": states[each["resource"]["id"].rsplit("/", 1)[-1]]}
        for each in event["properties"]["targetResources"]
        if each["resource"]["id"].rsplit("/", 1)[-1] in states
    ]
    return sets.call("PATCH", event["id"], {"properties": {"targetResources": targets}}, version=HOOKS)


def with_hooks(sets: Sets, *kinds: str) -> None:
    sets.create(4, automatic=AUTOMATIC, rolling={"maxBatchInstancePercent": 20}, extensions=[HEALTH])
    assert sets.finish(sets.patch(hooks(*kinds), version=HOOKS))["status"] == "Succeeded"
    sets.wait(4 * HOUR)
    sets.bring_out("1.0.1")
    sets.wait(HOUR)


def test_scheduling_waits_for_an_approval_or_its_time(sets: Sets) -> None:
    with_hooks(sets, "UpgradeAutoOSScheduling")
    [event] = events(sets)
    assert event["properties"]["targetResources"][0]["resource"]["id"] == SET
    assert sets.upgrades() == []
    assert answer(sets, event, {"web": "Approved"}).body["properties"]["state"] == "Completed"
    sets.wait(60)
    assert len(sets.upgrades()) == 1
    sets.until_ended()
    sets.bring_out("1.0.2")
    sets.wait(HOUR)
    assert len(events(sets)) == 1
    sets.wait(8 * HOUR)
    assert len(sets.upgrades()) == 2


def test_a_rejected_schedule_is_no_upgrade(sets: Sets) -> None:
    with_hooks(sets, "UpgradeAutoOSScheduling")
    answer(sets, events(sets)[0], {"web": "Rejected"})
    sets.wait(48 * HOUR)
    assert (sets.upgrades(), set(sets.images())) == ([], {"1.0.0"})


def test_each_batch_waits_for_its_instances_and_leaves_out_those_that_are_rejected(sets: Sets) -> None:
    with_hooks(sets, "UpgradeAutoOSRollingBatchStarting")
    [event] = events(sets)
    assert [each["resource"]["id"] for each in event["properties"]["targetResources"]] == [f"{SET}/virtualMachines/0"]
    answer(sets, event, {"0": "Rejected"})
    sets.wait(600)
    [event] = events(sets)
    later = {"properties": {"waitUntil": sets.world.iso(sets.world.now + 10 * HOUR)}}
    assert sets.call("PATCH", event["id"], later, version=HOOKS).status == 200
    too_late = {"properties": {"waitUntil": sets.world.iso(sets.world.now + 48 * HOUR)}}
    assert code(sets.call("PATCH", event["id"], too_late, version=HOOKS)) == "InvalidParameter"
    sets.wait(9 * HOUR)
    assert set(sets.images()) == {"1.0.0"}
    sets.wait(2 * HOUR)
    assert sets.images().count("1.0.1") == 1
    while not sets.upgrades()[-1]["endTime"]:
        for each in events(sets):
            answer(sets, each, {"2": "Approved", "3": "Approved"})
        sets.wait(60)
    assert sets.images() == ["1.0.0", "1.0.1", "1.0.1", "1.0.1"]
    assert sets.get(f"{SET}/lifecycleHookEvents", version="2025-04-01").status == 400


def test_instances_are_told_of_their_new_image_and_may_hurry(sets: Sets) -> None:
    told = {"scheduledEventsProfile": {"osImageNotificationProfile": {"enable": True, "notBeforeTimeout": "PT15M"}}}
    sets.create(2, extensions=[HEALTH], profile=told)
    sets.publish("1.0.1")
    began = sets.world.now
    started = sets.call("POST", f"{SET}/osRollingUpgrade")
    sets.wait(60)
    [event] = sets.told()["scheduledEvents"]
    assert (event["EventType"], event["Resources"]) == ("Reimage", ["web_0"])
    sets.wait(840)
    assert sets.batches() == []
    sets.wait(120)
    assert sets.batches() == [["0"]]
    while not sets.told()["scheduledEvents"]:
        sets.wait(10)
    assert sets.call("POST", "/emulator/scheduled-events", {"scaleSet": "web"}).body == {"approved": ["1"]}
    assert sets.batches() == [["0"], ["1"]]
    assert sets.finish(started)["status"] == "Succeeded"
    assert sets.world.now - began < 45 * 60


def test_a_write_with_an_outdated_etag_is_refused(sets: Sets) -> None:
    etag = sets.create(1)["etag"]
    body = {"tags": {"owner": "web"}}
    assert sets.call("PATCH", SET, body, headers={"If-Match": etag}).status == 200
    assert sets.call("PATCH", SET, body, headers={"If-Match": etag}).status == 412
