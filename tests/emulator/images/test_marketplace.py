"""The terms of purchase plans, and what a VM of an image that is bought needs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.arm_client import GUEST, SCOPE, code
from tests.emulator.compute.machines import Machines

SOLD = {"publisher": "center-for-internet-security-inc", "offer": "cis-win-11", "sku": "cis-win-11-l1-gen2"}
PLAN = {"publisher": SOLD["publisher"], "product": SOLD["offer"], "name": SOLD["sku"]}
API = "2015-06-01"


def terms(plan: str = PLAN["name"]) -> str:
    return (
        f"{SCOPE}/providers/Microsoft.MarketplaceOrdering/offerTypes/virtualmachine/publishers/{PLAN['publisher']}"
        f"/offers/{PLAN['product']}/plans/{plan}/agreements/current"
    )


def accepted(cloud: Machines) -> bool:
    return bool(cloud.call("GET", terms(), version=API).body["properties"]["accepted"])


def bought(cloud: Machines) -> dict[str, Any]:
    body = cloud.body("vm-1")
    body["properties"]["storageProfile"]["imageReference"] = {**SOLD, "version": "latest"}
    return {**body, "plan": PLAN}


def test_terms_are_read_accepted_and_taken_back() -> None:
    cloud = Machines()
    assert not accepted(cloud)
    for wanted in (True, False):
        answer = cloud.call("PUT", terms(), {"properties": {"accepted": wanted}}, version=API)
        assert (answer.status, answer.body["properties"]["accepted"], accepted(cloud)) == (200, wanted, wanted)


def test_there_are_none_of_what_nobody_sells() -> None:
    answer = Machines().call("GET", terms("nothing"), version=API)
    assert (answer.status, code(answer)) == (404, "NotFound")


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_they_need_a_right_at_the_subscription(method: str) -> None:
    answer = Machines().call(method, terms(), {"properties": {"accepted": True}}, who=GUEST, version=API)
    verb = "read" if method == "GET" else "write"
    assert answer.status == 403 and f"plans/agreements/{verb}'" in answer.body["error"]["message"]


def test_a_machine_that_is_bought_needs_its_plan_and_accepted_terms() -> None:
    cloud = Machines()
    body = bought(cloud)
    planless = cloud.put(cloud.path("vm-1"), {k: v for k, v in body.items() if k != "plan"})
    assert (planless.status, code(planless)) == (400, "VMMarketplaceInvalidInput")
    unsigned = cloud.put(cloud.path("vm-1"), body)
    assert (unsigned.status, code(unsigned)) == (400, "ResourcePurchaseValidationFailed")
    cloud.call("PUT", terms(), {"properties": {"accepted": True}}, version=API)
    assert cloud.put(cloud.path("vm-1"), body).status == 201
