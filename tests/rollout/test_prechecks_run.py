"""Pre-checks as a whole: what they cost, what a healthy pool gives, how findings are put together."""

from __future__ import annotations

import pytest

from rollout.errors import InvalidDeclaration, Unreachable
from rollout.observation import Pool
from rollout.prechecks.findings import Finding, error, merged, some, warning
from tests.support.fake_azure import FakeAzure
from tests.support.observed import SECRETS, Body, host, pool, vm_body, vm_id
from tests.support.prechecked import READABLE, findings, ids


def healthy(count: int = 3) -> Pool:
    return pool([host(f"vm-{n}") for n in range(count)])


@pytest.mark.parametrize("mode", ["preview", "start"])
async def test_a_healthy_pool_has_no_findings(mode: str) -> None:
    assert await ids(healthy(), mode=mode) == []


async def test_a_preview_costs_no_call_per_host() -> None:
    few, many = FakeAzure(), FakeAzure()
    await findings(healthy(2), few)
    await findings(healthy(300), many, max_unavailable=10)
    assert sorted(many.calls) == sorted(few.calls)
    assert len(many.calls) < 18
    assert not any(call.startswith("get_vm") for call in many.calls)


async def test_the_start_reads_hosts_whose_extensions_the_list_only_names() -> None:
    """A list gives extensions by id only (azure-sdk-for-net issue 13378)."""
    by_id = {"resources": [{"id": f"{vm_id('vm-0')}/extensions/Odd"}]}
    full: Body = {"resources": [{"name": "Odd", "properties": {"publisher": "Contoso", "type": "Odd", "settings": {}}}]}
    listed = pool([host("vm-0", vm=by_id), host("vm-1"), host("vm-2")])
    fake = FakeAzure(vms=[vm_body("vm-0", **full), vm_body("vm-1")], secrets=READABLE)
    assert await ids(listed, fake, mode="preview") == []
    assert await ids(listed, fake, mode="start") == ["unknown-extension"]
    assert [call for call in fake.calls if call.startswith("get_vm")] == [f"get_vm {vm_id('vm-0')}"]


async def test_a_pool_that_needs_no_work_is_asked_nothing() -> None:
    fake = FakeAzure(permissions={})
    done = pool([host("vm-0", runs="1.0.1")], properties={"maxSessionLimit": 999999})
    assert await ids(done, fake, join=None, local_admin=None) == []
    assert fake.calls == []


async def test_a_wrong_name_in_include_is_the_declarations_error() -> None:
    with pytest.raises(InvalidDeclaration, match="include"):
        await findings(healthy(), include=["nobody"])


async def test_an_unreachable_azure_is_not_taken_for_a_missing_right() -> None:
    class Lost(FakeAzure):
        async def list_skus(self, location: str) -> list[dict[str, object]]:
            raise Unreachable(0, "", "no answer")

    with pytest.raises(Unreachable):
        await findings(healthy(), Lost())


async def test_several_wrong_things_are_all_told_errors_first() -> None:
    wrong = pool(
        [host(f"vm-{n}", vm={"properties": {"securityProfile": {"securityType": "ConfidentialVM"}}}) for n in range(3)],
        properties={"maxSessionLimit": 999999},
    )
    found = await findings(wrong, join=None, min_serving="100%")
    assert {f.id for f in found} >= {
        "confidential-vm",
        "image-security-type",
        "no-session-limit",
        "no-join",
        "floor-never-holds",
    }
    severities = [f.severity for f in found]
    assert severities == sorted(severities, key=lambda severity: severity != "error")


async def test_every_finding_says_what_is_wrong_and_what_to_do() -> None:
    found = await findings(healthy(), FakeAzure(secrets={}), mode="start")
    assert {f.id for f in found} == {"secret-missing"} and len(found) == 3
    assert str(found[0]) == (
        f"local_admin.username_secret: '{SECRETS}/name': the secret or its vault does not exist; "
        "create it (az keyvault secret set --vault-name kv --name name --value ...), or correct the URI"
    )


def test_one_problem_of_many_hosts_is_one_finding() -> None:
    found = merged(
        [
            warning("w", "x", "p", "r"),
            *(error("e", f"vm-{n}", "p", "r") for n in range(500)),
            error("e", "vm-0", "p", "other"),
        ]
    )
    assert [(f.id, f.subject) for f in found] == [
        ("e", "vm-0, vm-1, vm-2, vm-3, vm-4 and 495 more"), ("e", "vm-0"), ("w", "x")
    ]  # fmt: skip


def test_a_finding_becomes_one_line() -> None:
    assert (
        str(Finding("id", error("", "", "", "").severity, "vm-0", "is wrong", "mend it")) == "vm-0: is wrong; mend it"
    )
    assert some(["a"]) == "a"
