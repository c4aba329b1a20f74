"""Key Vault: the secrets that a declaration refers to. Read at use and never kept."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cloud.api_versions import VAULTS
from cloud.connection import Connection
from cloud.errors import translated
from cloud.policies import RetryPolicy
from rollout.arm import name_of
from rollout.azure import Body
from rollout.errors import Forbidden, InvalidDeclaration

if TYPE_CHECKING:  # imported when first used: a preview of a pool without work reads no secret
    from azure.keyvault.secrets.aio import SecretClient


class KeyVaultOperations:
    """The Key Vault part of `rollout.azure.Azure`."""

    connection: Connection
    _vaults: dict[str, SecretClient]

    async def get_secret(self, secret_uri: str) -> str:
        value = (await self.get_secret_bundle(secret_uri))["value"]
        if value is None:
            raise InvalidDeclaration("secret", secret_uri, "has no value", "set a version of it that has one")
        return str(value)

    async def get_secret_bundle(self, secret_uri: str) -> Body:
        vault_url, name, version = secret_parts(secret_uri)
        with translated(f"GET secret {name} of {vault_url}"):
            secret = await self._vault(vault_url).get_secret(name, version or None)
        dates = {"exp": secret.properties.expires_on, "nbf": secret.properties.not_before}
        attributes = {key: date.timestamp() for key, date in dates.items() if date is not None}
        return {"value": secret.value, "attributes": attributes}

    async def vault_uri(self, vault_id: str) -> str:
        try:
            body = await self.connection.get(vault_id, VAULTS)
        except Forbidden:  # the update needs no right to read the vault, and has none
            return f"https://{name_of(vault_id)}.{self.connection.endpoints.key_vault_dns_suffix}"
        if body is None:
            raise InvalidDeclaration("key_vault_id", vault_id, "does not exist", "correct it (az keyvault list)")
        return str(body["properties"]["vaultUri"]).rstrip("/")

    def _vault(self, vault_url: str) -> SecretClient:
        known = self._vaults.get(vault_url)
        if known is None:
            from azure.keyvault.secrets.aio import SecretClient

            connection = self.connection
            known = self._vaults[vault_url] = SecretClient(
                vault_url,
                connection.credential,
                transport=connection.transport,
                retry_policy=RetryPolicy(connection.clock, connection.chance),
                # The challenge names vault.azure.net, which is no part of the address of an emulated vault.
                verify_challenge_resource=connection.endpoints.is_known_cloud,
            )
        return known


def secret_parts(secret_uri: str) -> tuple[str, str, str]:
    """Vault URL, name and version (or "") of `https://<vault>/secrets/<name>[/<version>]`.

    Raises InvalidDeclaration for anything else.
    """
    url = urlsplit(secret_uri)
    prefix, marker, rest = url.path.partition("/secrets/")
    name, _, version = rest.strip("/").partition("/")
    if url.scheme != "https" or not url.netloc or not marker or not name or "/" in version:
        raise InvalidDeclaration(
            "secret", secret_uri, "is not the URI of a Key Vault secret", "write https://<vault>/secrets/<name>"
        )
    return f"https://{url.netloc}{prefix}", name, version
