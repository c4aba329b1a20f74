"""Key Vault: vaults in ARM, secrets at the data plane."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.authorization import assignments, roles
from emulator.keyvault import vaults
from tests.emulator.arm_client import BASE, GROUP, GUEST, LOCATION, OWNER, Client, code, message

VAULT = f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv1"
DATA = "/keyvault/kv1"


@pytest.fixture
def vault(azure: Client) -> Client:
    vaults.add(azure.world, GROUP, "kv1", {"join-password": "s3cret"})
    assignments.grant(azure.world, OWNER.object_id, roles.KEY_VAULT_SECRETS_OFFICER, VAULT)
    return azure


def secret(azure: Client, tail: str = "", method: str = "GET", body: Any = None, **options: Any) -> Any:
    return azure.call(method, f"{DATA}/secrets/join-password{tail}", body, version="7.4", **options)


def test_a_secret_is_read_with_and_without_a_version(vault: Client) -> None:
    newest = secret(vault, "/")
    assert (newest.status, newest.body["value"]) == (200, "s3cret")
    name, version = newest.body["id"].removeprefix(f"{BASE}/secrets/").split("/")
    assert name == "join-password"
    assert secret(vault, f"/{version}").body == newest.body
    changed = secret(vault, "", "PUT", {"value": "n3w", "tags": {"a": "1"}, "contentType": "text"})
    assert (changed.status, changed.body["value"], changed.body["contentType"]) == (200, "n3w", "text")
    assert secret(vault).body["value"] == "n3w"
    assert secret(vault, f"/{version}").body["value"] == "s3cret"
    assert len(secret(vault, "/versions").body["value"]) == 2


def test_lists_show_no_value(vault: Client) -> None:
    listed = vault.call("GET", f"{DATA}/secrets", version="7.4").body
    assert [entry["id"] for entry in listed["value"]] == [f"{BASE}/secrets/join-password"]
    assert listed["nextLink"] is None
    assert "s3cret" not in str(listed) + str(secret(vault, "/versions").body)


def test_without_a_data_role_reading_is_403_in_key_vaults_words(vault: Client) -> None:
    assignments.grant(vault.world, GUEST.object_id, roles.OWNER, VAULT)
    refused = secret(vault, who=GUEST)
    assert (refused.status, code(refused)) == (403, "Forbidden")
    assert refused.body["error"]["innererror"] == {"code": "ForbiddenByRbac"}
    assert "Action: 'Microsoft.KeyVault/vaults/secrets/getSecret/action'" in message(refused)
    scope = f"{VAULT}/secrets/join-password"
    assignments.grant(vault.world, GUEST.object_id, roles.KEY_VAULT_SECRETS_USER, scope)
    assert secret(vault, who=GUEST).status == 200
    assert secret(vault, "", "PUT", {"value": "x"}, who=GUEST).status == 403


def test_access_policies_decide_where_rbac_is_off(vault: Client) -> None:
    policies = [{"tenantId": "t", "objectId": GUEST.object_id, "permissions": {"secrets": ["Get"]}}]
    properties = {"enableRbacAuthorization": False, "accessPolicies": policies}
    assert vault.call("PATCH", VAULT, {"properties": properties}).status == 200
    assert secret(vault, who=GUEST).status == 200
    refused = secret(vault)
    assert (refused.status, refused.body["error"]["innererror"]["code"]) == (403, "AccessDenied")


def test_a_missing_secret_is_named_and_a_deleted_one_can_be_recovered(vault: Client) -> None:
    missing = vault.call("GET", f"{DATA}/secrets/none", version="7.4")
    assert (missing.status, code(missing)) == (404, "SecretNotFound")
    assert message(missing).startswith("A secret with (name/id) none was not found in this key vault.")
    deleted = secret(vault, "", "DELETE")
    assert deleted.body["recoveryId"] == f"{BASE}/deletedsecrets/join-password"
    assert code(secret(vault)) == "SecretNotFound"
    assert code(secret(vault, "", "PUT", {"value": "x"})) == "Conflict"
    assert vault.call("POST", f"{DATA}/deletedsecrets/join-password/recover", version="7.4").status == 200
    assert secret(vault).body["value"] == "s3cret"


def test_a_disabled_secret_is_not_given_out(vault: Client) -> None:
    assert secret(vault, "", "PATCH", {"attributes": {"enabled": False}}).status == 200
    refused = secret(vault)
    assert (refused.status, code(refused)) == (403, "Forbidden")


def test_a_vault_in_arm_names_where_the_client_finds_it_and_shows_no_value(vault: Client) -> None:
    body = vault.get(VAULT).body
    assert body["properties"]["vaultUri"] == f"{BASE}/keyvault/kv1"
    assert [v["name"] for v in vault.get(f"{GROUP}/providers/Microsoft.KeyVault/vaults").body["value"]] == ["kv1"]
    path = f"{VAULT}/secrets/through-arm"
    made = vault.put(path, {"properties": {"value": "hidden-value"}})
    assert made.status == 201
    assert "hidden-value" not in str(made.body) + str(vault.get(path).body)
    assert vault.call("GET", f"{DATA}/secrets/through-arm", version="7.4").body["value"] == "hidden-value"


def test_a_vault_is_made_and_deleted_at_once(azure: Client) -> None:
    properties = {"sku": {"family": "A", "name": "standard"}, "tenantId": "t", "enableRbacAuthorization": True}
    first = azure.put(VAULT, {"location": LOCATION, "properties": properties})
    assert (first.status, first.headers.find("Azure-AsyncOperation")) == (201, None)
    assert azure.put(VAULT, {"location": LOCATION, "properties": properties}).status == 200
    assert azure.delete(VAULT).status == 200
    assert code(azure.get(VAULT)) == "ResourceNotFound"
