"""Names of Key Vault secrets to their URIs. The secrets themselves are never read here, nor do they enter the state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import pulumi
from pulumi_azure_native import keyvault

from components.arm_ids import group_name_of, name_of
from program import golden_image
from program.config import with_secrets


def with_secret_uris(rollout: Mapping[str, Any], key_vault_id: str | None) -> dict[str, Any]:
    """The rollout's inputs with each secret's name replaced by `<vaultUri>/secrets/<name>`.

    The vault is asked for its URI because that differs between clouds (vault.azure.net, vault.azure.cn ...). It must be
    in the subscription of the azure-native provider; write whole URIs otherwise.
    """

    return with_secrets(rollout, _uris_in(key_vault_id))


def golden_with_secret_uris(golden: Mapping[str, Any], key_vault_id: str | None) -> dict[str, Any]:
    """The same of the inputs of golden_image."""
    return golden_image.with_uris(golden, _uris_in(key_vault_id))


def _uris_in(key_vault_id: str | None) -> Callable[[str], pulumi.Output[str]]:
    """Name of a secret to its URI; the vault is asked once, and only where there is a name."""

    @cache
    def vault() -> pulumi.Output[str]:
        assert key_vault_id is not None  # settings_of has checked it
        return vault_uri(key_vault_id)

    return lambda secret: pulumi.Output.concat(vault(), "/secrets/", secret)


def vault_uri(key_vault_id: str) -> pulumi.Output[str]:
    """The vault's URI without a slash at its end."""
    vault = keyvault.get_vault_output(resource_group_name=group_name_of(key_vault_id), vault_name=name_of(key_vault_id))
    uri: pulumi.Output[str] = vault.apply(lambda found: found.properties.vault_uri.rstrip("/"))
    return uri
