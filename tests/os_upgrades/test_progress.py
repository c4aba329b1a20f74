"""What Azure tells of rolling upgrades, read and told again; its error codes with their remedies."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from os_upgrades import remedies
from os_upgrades.progress import Counts, Detail, Problem, joined, read, read_history, version_of
from os_upgrades.remedies import REMEDIES

# Recording compute-vmss-rolling-upgrade-api.
RECORDED: dict[str, Any] = {
    "properties": {
        "policy": {"maxBatchInstancePercent": 20},
        "runningStatus": {
            "lastAction": "Start",
            "lastActionTime": "2019-10-06T17:00:23.1411995-07:00",
            "code": "Completed",
            "startTime": "2019-10-06T17:00:23.2662007-07:00",
        },
        "progress": {
            "successfulInstanceCount": 2,
            "failedInstanceCount": 0,
            "inProgressInstanceCount": 0,
            "pendingInstanceCount": 0,
        },
    },
}
# learn.microsoft.com/azure/virtual-machine-scale-sets/virtual-machine-scale-sets-automatic-upgrade
DOCUMENTED: dict[str, Any] = {
    "properties": {
        "runningStatus": {
            "code": "RollingForward",
            "startTime": "2018-07-24T17:46:06.1248429+00:00",
            "completedTime": "2018-04-21T12:29:25.0511245+00:00",
        },
        "progress": {
            "successfulInstanceCount": 16,
            "failedInstanceCount": 0,
            "inProgressInstanceCount": 4,
            "pendingInstanceCount": 0,
        },
        "startedBy": "Platform",
        "targetImageReference": {
            "publisher": "MicrosoftWindowsServer",
            "offer": "WindowsServer",
            "sku": "2016-Datacenter",
            "version": "2016.127.20180613",
        },
        "rollbackInfo": {"successfullyRolledbackInstanceCount": 0, "failedRolledbackInstanceCount": 0},
    },
}
# github.com/Azure/Service-Fabric-Troubleshooting-Guides: how to configure automatic OS image upgrades
FAULTED: dict[str, Any] = {
    "properties": {
        "runningStatus": {"code": "Faulted", "startTime": "2023-07-12T20:20:13.145292Z", "lastAction": "Start"},
        "error": {
            "code": "MaxUnhealthyInstancePercentExceededBeforeRollingUpgrade",
            "message": "Rolling Upgrade failed.\n 100% of instances are unhealthy.",
            "details": [
                {
                    "code": "RollingUpgradeInstanceUnhealthyError",
                    "target": "nt1/virtualMachines/0",
                    "message": "Instance found to be unhealthy or unreachable.",
                }
            ],
        },
    }
}

IMAGE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/galleries/x/images/y"


def test_what_azure_tells_is_read_in_both_shapes() -> None:
    latest, entry, faulted = read(RECORDED), read(DOCUMENTED), read(FAULTED)
    assert latest is not None and entry is not None and faulted is not None and read(None) is None
    assert (latest.code, latest.running, latest.counts, latest.last_action) == ("Completed", False, Counts(2), "Start")
    assert (entry.running, entry.started_by, entry.version) == (True, "Platform", "2016.127.20180613")
    assert entry.counts == Counts(16, 0, 4, 0) and entry.counts.total == 20
    assert faulted.problem is not None and faulted.problem.details[0].instance_id == "0"


def test_the_history_says_what_the_latest_upgrade_does_not() -> None:
    of_it = {**DOCUMENTED["properties"], "runningStatus": RECORDED["properties"]["runningStatus"]}
    history = read_history([{"properties": of_it}, DOCUMENTED])
    assert [entry.began for entry in history] == sorted((entry.began or 0 for entry in history), reverse=True)
    whole, alone = joined(read(RECORDED), history), joined(read(RECORDED), history[1:])
    assert whole is not None and (whole.started_by, whole.version) == ("Platform", "2016.127.20180613")
    assert alone == read(RECORDED) and joined(None, history) is None


def test_it_is_told_again_in_the_shape_of_the_history() -> None:
    for body in (RECORDED, DOCUMENTED, FAULTED):
        upgrade = read(body)
        again = read(upgrade.body()) if upgrade is not None else None
        assert upgrade is not None and again is not None
        timeless = {"began": None, "ended": None}  # told in whole seconds
        assert replace(again, **timeless) == replace(upgrade, started_by=upgrade.started_by or "Unknown", **timeless)
        told = upgrade.body()["properties"]
        assert told["progress"] == {**Counts().body(), **body["properties"].get("progress", {})}
        assert told["runningStatus"]["code"] == body["properties"]["runningStatus"]["code"]
        assert told.get("error", {}).get("code") == body["properties"].get("error", {}).get("code")


@pytest.mark.parametrize(
    ("reference", "version"),
    [
        ({"publisher": "a", "version": "latest", "exactVersion": "20348.2655.240810"}, "20348.2655.240810"),
        ({"id": f"{IMAGE}/versions/1.0.1"}, "1.0.1"),
        ({"id": f"{IMAGE}/versions/latest"}, ""),
        ({"id": IMAGE}, ""),
        ({"sharedGalleryImageId": "/SharedGalleries/u/Images/i/Versions/2.0.0"}, "2.0.0"),
        ({"publisher": "a", "version": "latest"}, ""),
        ({}, ""),
    ],
)
def test_the_version_of_an_image_reference(reference: dict[str, str], version: str) -> None:
    assert version_of(reference) == version


def test_an_error_is_told_in_one_line_with_meaning_and_remedy() -> None:
    faulted = read(FAULTED)
    assert faulted is not None and faulted.problem is not None
    text = remedies.told(faulted.problem)
    assert text.startswith(
        "MaxUnhealthyInstancePercentExceededBeforeRollingUpgrade: more instances were unhealthy than"
    )
    assert "Azure says: Rolling Upgrade failed. 100% of instances are unhealthy. To do: mend the unhealthy" in text
    assert "RollingUpgradeInstanceUnhealthyError: look at its application" in text and "\n" not in text


def test_an_unknown_code_is_told_with_azures_own_words_and_the_remedies_of_its_causes() -> None:
    details = (Detail("web/virtualMachines/1", "VMExtensionProvisioningError", "exit code 1"),)
    assert "To do: VMExtensionProvisioningError: an expired SAS" in remedies.told(Problem("NewCode", "Words.", details))
    assert remedies.told(Problem("NewCode", "")) == f"NewCode. To do: {remedies.UNKNOWN}"


def test_the_table_of_remedies_is_whole() -> None:
    codes = [remedy.code for remedy in REMEDIES]
    assert len(codes) == len(set(codes))
    assert all(remedy.means and remedy.do and "." in remedy.source.partition("/")[0] for remedy in REMEDIES)
    for documented in (
        "RollingUpgradeInProgressWithFailedUpgradedVMs",
        "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade",
        "MaxUnhealthyInstancePercentExceededInRollingUpgrade",
        "MaxUnhealthyInstancePercentExceededBeforeRollingUpgrade",
        "InternalExecutionError",
        "RollingUpgradeTimeoutError",
    ):
        assert remedies.remedy_of(documented.upper()) is not None
