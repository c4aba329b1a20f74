"""The upgrade policy that scale sets and Batch pools share: what is sent, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from os_upgrades import policy
from os_upgrades.policy import Mode
from rollout.errors import InvalidDeclaration

WHOLE: dict[str, Any] = {
    "mode": "Rolling",
    "automatic_os_upgrade_policy": {
        "enable_automatic_os_upgrade": True,
        "disable_automatic_rollback": False,
        "use_rolling_upgrade_policy": True,
        "os_rolling_upgrade_deferral": True,
    },
    "rolling_upgrade_policy": {
        "max_batch_instance_percent": 10.0,
        "max_unhealthy_instance_percent": 30,
        "max_unhealthy_upgraded_instance_percent": 0,
        "pause_time_between_batches": "PT90S",
        "enable_cross_zone_upgrade": True,
        "prioritize_unhealthy_instances": True,
        "rollback_failed_instances_on_policy_breach": False,
        "max_surge": False,
    },
}


def test_everything_that_can_be_declared_becomes_the_body_of_arm() -> None:
    assert policy.parse(WHOLE).body() == {
        "mode": "Rolling",
        "automaticOSUpgradePolicy": {
            "enableAutomaticOSUpgrade": True,
            "disableAutomaticRollback": False,
            "useRollingUpgradePolicy": True,
            "osRollingUpgradeDeferral": True,
        },
        "rollingUpgradePolicy": {
            "maxBatchInstancePercent": 10,
            "maxUnhealthyInstancePercent": 30,
            "maxUnhealthyUpgradedInstancePercent": 0,
            "pauseTimeBetweenBatches": "PT1M30S",
            "enableCrossZoneUpgrade": True,
            "prioritizeUnhealthyInstances": True,
            "rollbackFailedInstancesOnPolicyBreach": False,
            "maxSurge": False,
        },
    }


def test_what_is_not_said_is_not_sent_but_for_azures_numbers() -> None:
    assert policy.parse({"mode": "Manual"}).body() == {"mode": "Manual"}
    given = {"mode": "Automatic", "automatic_os_upgrade_policy": {"enable_automatic_os_upgrade": True}}
    assert policy.parse(given).body() == {
        "mode": "Automatic",
        "automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True},
    }
    assert policy.parse({"mode": "Rolling", "rolling_upgrade_policy": {}}).body()["rollingUpgradePolicy"] == {
        "maxBatchInstancePercent": 20,
        "maxUnhealthyInstancePercent": 20,
        "maxUnhealthyUpgradedInstancePercent": 20,
        "pauseTimeBetweenBatches": "PT0S",
    }


def test_a_batch_pool_has_its_mode_in_lower_case_and_takes_it_in_any() -> None:
    for mode in ("Automatic", "automatic"):
        assert policy.parse({"mode": mode}, batch=True).body(batch=True) == {"mode": "automatic"}
    assert policy.parse({"mode": "automatic"}).body() == {"mode": "Automatic"}


def test_whether_azure_upgrades_by_itself_is_not_a_matter_of_the_mode() -> None:
    on, off = {"enable_automatic_os_upgrade": True}, {"enable_automatic_os_upgrade": False}
    for mode in Mode:
        assert policy.parse({"mode": mode, "automatic_os_upgrade_policy": on}).automatic_os_upgrade
        assert not policy.parse({"mode": mode, "automatic_os_upgrade_policy": off}).automatic_os_upgrade
        assert not policy.parse({"mode": mode}).automatic_os_upgrade


ROLLING = "upgrade_policy.rolling_upgrade_policy"
AUTOMATIC = "upgrade_policy.automatic_os_upgrade_policy"
BAD: list[Any] = [
    ({}, "upgrade_policy.mode", "None is missing; use one of Automatic, Rolling, Manual"),
    ({"mode": "Rollin"}, "upgrade_policy.mode", "'Rollin' is not known; use one of"),
    (7, "upgrade_policy", "7 is no object; write an object with mode"),
    (
        {"mode": "Manual", "modes": 1},
        "upgrade_policy.modes",
        "1 is no known property; did you mean upgrade_policy.mode?",
    ),
    *(
        (
            {"mode": "Rolling", "rolling_upgrade_policy": {name: value}},
            f"{ROLLING}.{name}",
            f"{shown} is no whole number",
        )
        for name, value, shown in (
            ("max_batch_instance_percent", 4, "4"),
            ("max_batch_instance_percent", 101, "101"),
            ("max_batch_instance_percent", 10.5, "10.5"),
            ("max_unhealthy_instance_percent", 4, "4"),
            ("max_unhealthy_instance_percent", "20", "'20'"),
            ("max_unhealthy_upgraded_instance_percent", -1, "-1"),
            ("max_unhealthy_upgraded_instance_percent", True, "true"),
        )
    ),
    (
        {"mode": "Rolling", "rolling_upgrade_policy": {"pause_time_between_batches": "5 minutes"}},
        f"{ROLLING}.pause_time_between_batches",
        "'5 minutes' is no duration; write an ISO 8601 duration",
    ),
    (
        {"mode": "Rolling", "rolling_upgrade_policy": {"max_surge": 1}},
        f"{ROLLING}.max_surge",
        "1 is neither true nor false; write true or false",
    ),
    (
        {"mode": "Rolling", "rolling_upgrade_policy": {"max_batch_instance_percent": 21}},
        f"{ROLLING}.max_batch_instance_percent",
        "21 is more than max_unhealthy_instance_percent, 20",
    ),
    (
        {"mode": "Automatic", "automatic_os_upgrade_policy": {"os_rolling_upgrade_deferral": True}},
        f"{AUTOMATIC}.os_rolling_upgrade_deferral",
        "true means nothing without enable_automatic_os_upgrade",
    ),
]


@pytest.mark.parametrize(("given", "prop", "text"), BAD)
def test_a_bad_value_is_refused_with_property_value_and_remedy(given: Any, prop: str, text: str) -> None:
    with pytest.raises(InvalidDeclaration) as refused:
        policy.parse(given)
    assert str(refused.value).startswith(f"{prop}: {text}")
    assert refused.value.remedy


def test_rules_of_azure_name_their_source() -> None:
    given = {"mode": "Rolling", "rolling_upgrade_policy": {"max_batch_instance_percent": 4}}
    with pytest.raises(InvalidDeclaration, match=r"\(learn\.microsoft\.com/azure/virtual-machine-scale-sets/"):
        policy.parse(given)
    with pytest.raises(InvalidDeclaration, match=r"\(learn\.microsoft\.com/rest/api/batch"):
        policy.parse(given, batch=True)


def test_what_is_nearly_wrong_is_taken() -> None:
    edges = {"max_batch_instance_percent": 5, "max_unhealthy_instance_percent": 5}
    assert policy.parse({"mode": "Rolling", "rolling_upgrade_policy": edges}).rolling_upgrade_policy is not None
    whole = dict.fromkeys(policy.LEAST_PERCENT, 100)
    assert policy.parse({"mode": "Rolling", "rolling_upgrade_policy": whole}).rolling_upgrade_policy is not None
    # Opting out for a while must not need more than one word.
    opted_out = {"enable_automatic_os_upgrade": False, "os_rolling_upgrade_deferral": True}
    assert policy.parse({"mode": "Rolling", "automatic_os_upgrade_policy": opted_out}).automatic_os_upgrade is False


def test_max_surge_is_of_scale_sets_only() -> None:
    given = {"mode": "rolling", "rolling_upgrade_policy": {"max_surge": False}}
    assert policy.parse(given).body()["rollingUpgradePolicy"]["maxSurge"] is False
    with pytest.raises(InvalidDeclaration, match=r"max_surge: false is not known to Batch pools"):
        policy.parse(given, batch=True)
