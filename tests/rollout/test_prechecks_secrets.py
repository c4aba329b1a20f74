"""Pre-checks of the Key Vault secrets."""

from __future__ import annotations

import pytest

from rollout.errors import AzureError
from tests.support.fake_azure import FakeAzure
from tests.support.observed import SECRETS, host, pool
from tests.support.prechecked import READABLE, findings, ids, only

HOSTS = [host("vm-0"), host("vm-1")]
JOIN = f"{SECRETS}/join"


@pytest.mark.parametrize(
    ("fake", "wanted", "remedy"),
    [
        (FakeAzure(secrets={k: v for k, v in READABLE.items() if k != JOIN}), "secret-missing", "correct the URI"),
        (FakeAzure(secrets=READABLE, refuse={f"get_secret {JOIN}"}), "secret-forbidden", "Key Vault Secrets User"),
        (FakeAzure(secrets={**READABLE, JOIN: ""}), "secret-empty", "--vault-name kv --name join"),
    ],
)
async def test_a_secret_that_cannot_be_used_is_named(fake: FakeAzure, wanted: str, remedy: str) -> None:
    found = await only(pool(HOSTS), fake, mode="start")
    assert (found.id, found.subject) == (wanted, f"join.password_secret: '{JOIN}'") and remedy in found.remedy


async def test_any_other_answer_of_the_vault_is_told() -> None:
    class Disabled(FakeAzure):
        async def get_secret_bundle(self, secret_uri: str) -> dict[str, object]:
            raise AzureError(409, "SecretDisabled", "it is off")

    found = await findings(pool(HOSTS), Disabled(), mode="start")
    assert [f.id for f in found] == ["secret-unreadable"] * len(found) and "409 SecretDisabled" in found[0].problem


async def test_no_value_is_ever_told() -> None:
    fake = FakeAzure(secrets={**dict.fromkeys(READABLE, "hunter2"), JOIN: ""})
    assert "hunter2" not in str(await findings(pool(HOSTS), fake, mode="start"))


async def test_only_declared_secrets_are_read() -> None:
    fake = FakeAzure(secrets=READABLE)
    identity = {"identity": {"type": "SystemAssigned"}}
    hosts = [host(f"vm-{n}", domain="", vm=identity) for n in range(2)]
    assert await ids(pool(hosts), fake, mode="start", join={"type": "entra"}, device_cleanup="leave") == []
    assert not any(JOIN in call for call in fake.calls)
