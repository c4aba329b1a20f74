"""Names of Key Vault secrets to their URIs. The secrets themselves are never read here, nor do they enter the state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_azure_native import keyvault

from components.arm_ids import group_name_of, name_of
from program.config import SECRET_KEYS, is_secret_name


def with_secret_uris(rollout: Mapping[str, Any], key_vault_id: str | None) -> dict[str, Any]:
    """The rollout's inputs with each secret's name replaced by `<vaultUri>/secrets/<name>`.

    The vault is asked for its URI because that differs between clouds (vault.azure.net, vault.azure.cn ...). It must be
    in the subscription of the azure-native provider; write whole URIs otherwise.
    """
    given = dict(rollout)
    vault: pulumi.Output[str] | None = None

    def with_uri(secret: Any) -> Any:
        nonlocal vault
        if not is_secret_name(secret):
            return secret
        assert key_vault_id is not None  # settings_of has checked it
        vault = vault or vault_uri(key_vault_id)
        return pulumi.Output.concat(vault, "/secrets/", secret)

    for section, name in SECRET_KEYS:
        part = given.get(section)
        if isinstance(part, dict) and name in part:
            value = part[name]
            uris = [with_uri(secret) for secret in value] if isinstance(value, list) else with_uri(value)
            given[section] = {**part, name: uris}
    return given


def vault_uri(key_vault_id: str) -> pulumi.Output[str]:
    """The vault's URI without a slash at its end."""
    vault = keyvault.get_vault_output(resource_group_name=group_name_of(key_vault_id), vault_name=name_of(key_vault_id))
    uri: pulumi.Output[str] = vault.apply(lambda found: found.properties.vault_uri.rstrip("/"))
    return uri
