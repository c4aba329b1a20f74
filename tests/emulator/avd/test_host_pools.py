"""Host pools and registration tokens, against the recordings avd-hostpool-lifecycle-2024 and public issue reports."""

from __future__ import annotations

import pytest

from tests.emulator.avd.pool import GROUP, POOL, Pool

NEW = f"{GROUP}/providers/Microsoft.DesktopVirtualization/hostPools/Other"
BODY = {
    "location": "West Europe",
    "properties": {
        "hostPoolType": "Shared",
        "loadBalancerType": "BreadthFirst",
        "preferredAppGroupType": "Desktop",
        "maxSessionLimit": 999999,
    },
}


def test_put_is_201_with_a_relative_location_then_200_and_shared_is_stored_as_pooled() -> None:
    pool = Pool()
    first = pool.call("PUT", NEW, BODY)
    second = pool.call("PUT", NEW, {**BODY, "tags": {"tag": "test"}})
    assert (first.status, second.status) == (201, 200)
    assert first.headers["Location"] == first.body["id"]
    assert "/resourcegroups/avd/" in first.body["id"] and first.body["id"].endswith("/hostpools/Other")
    assert first.body["properties"]["hostPoolType"] == "Pooled"
    assert "provisioningState" not in first.body["properties"]
    assert second.body["tags"] == {"tag": "test"}
    assert second.body["properties"]["objectId"] == first.body["properties"]["objectId"]
    assert second.body["systemData"]["createdAt"] == first.body["systemData"]["createdAt"]


def test_lists_of_group_and_subscription_hold_the_pools() -> None:
    pool = Pool()
    pool.call("PUT", NEW, BODY)
    for scope in (GROUP, GROUP.split("/resourceGroups")[0]):
        answer = pool.call("GET", f"{scope}/providers/Microsoft.DesktopVirtualization/hostPools")
        assert [each["name"] for each in answer.body["value"]] == ["hp1", "Other"]


def test_registration_token_is_null_in_get_and_read_by_post() -> None:
    pool = Pool()
    assert pool.call("POST", f"{POOL}/listRegistrationTokens").body["value"] == []
    assert pool.call("POST", f"{POOL}/retrieveRegistrationToken").body["token"] is None
    token = pool.token()
    assert pool.call("GET", POOL).body["properties"]["registrationInfo"] is None
    assert pool.call("POST", f"{POOL}/listRegistrationTokens").body["value"][0]["token"] == token
    renewed = pool.token()
    assert renewed != token
    pool.call("PATCH", POOL, {"properties": {"registrationInfo": {"registrationTokenOperation": "Delete"}}})
    assert pool.call("POST", f"{POOL}/retrieveRegistrationToken").body["token"] is None


def test_answer_of_the_write_shows_the_token_under_late_api_versions_only() -> None:
    pool = Pool()
    info = {"expirationTime": pool.world.iso(pool.world.now + 7200), "registrationTokenOperation": "Update"}
    body = {"properties": {"registrationInfo": info}}
    early = pool.call("PATCH", POOL, body).body["properties"]["registrationInfo"]
    late = pool.call("PATCH", POOL, body, version="2025-10-10").body["properties"]["registrationInfo"]
    assert early["token"] is None
    assert late["token"]


@pytest.mark.parametrize("hours", [0.5, 31 * 24])
def test_token_outside_an_hour_and_thirty_days_is_refused_in_azures_words(hours: float) -> None:
    pool = Pool()
    info = {"expirationTime": pool.world.iso(pool.world.now + hours * 3600), "registrationTokenOperation": "Update"}
    answer = pool.call("PATCH", POOL, {"properties": {"registrationInfo": info}})
    assert answer.status == 400
    assert "ExpirationTime value must be between one hour and 30 days from now" in answer.body["error"]["message"]


def test_expired_token_is_not_given_out() -> None:
    pool = Pool()
    pool.token(hours=1)
    pool.wait(3700)
    assert pool.call("POST", f"{POOL}/retrieveRegistrationToken").body["token"] is None


def test_management_type_is_shown_from_the_version_on_that_has_it() -> None:
    pool = Pool("automated")
    assert "managementType" not in pool.call("GET", POOL).body["properties"]
    assert pool.call("GET", POOL, version="2025-10-10").body["properties"]["managementType"] == "Automated"
    assert pool.call("POST", f"{POOL}/retrieveRegistrationToken").status == 400


def test_patch_keeps_what_is_not_given() -> None:
    pool = Pool()
    before = pool.call("GET", POOL).body
    after = pool.call("PATCH", POOL, {"properties": {"maxSessionLimit": 7}, "tags": {"a": "b"}}).body
    assert after["properties"] == {**before["properties"], "maxSessionLimit": 7}
    assert after["tags"] == {"a": "b"}


def test_delete_needs_force_while_hosts_are_registered_and_is_204_afterwards() -> None:
    pool = Pool(hosts=2)
    assert pool.call("DELETE", POOL).status == 400
    assert pool.call("DELETE", POOL, force="true").status == 200
    assert pool.call("DELETE", POOL).status == 204
    missing = pool.call("GET", POOL)
    assert (missing.status, missing.body["error"]["code"]) == (404, "404")
