"""Where the stand-in sends its requests and as whom: the provider's configuration, else the `ARM_*` variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

ENVIRONMENT: Mapping[str, str] = {
    "metadataHost": "ARM_METADATA_HOSTNAME",
    "subscriptionId": "ARM_SUBSCRIPTION_ID",
    "tenantId": "ARM_TENANT_ID",
    "clientId": "ARM_CLIENT_ID",
    "clientSecret": "ARM_CLIENT_SECRET",
    "location": "ARM_LOCATION",
}
"""Configuration key of azure-native -> its variable."""

OTHER_KEYS = frozenset(
    {
        "auxiliaryTenantIds",
        "clientCertificatePassword",
        "clientCertificatePath",
        "disableInstanceDiscovery",
        "disablePulumiPartnerId",
        "environment",
        "msiEndpoint",
        "oidcAudience",
        "oidcRequestToken",
        "oidcRequestUrl",
        "oidcToken",
        "oidcTokenFilePath",
        "partnerId",
        "useDefaultAzureCredential",
        "useMsi",
        "useOidc",
        "version",
    }
)
"""Keys of the real plugin that mean nothing to an emulator with a client secret: accepted and not used."""


class ConfigurationError(Exception):
    """Something that must be configured is not."""


@dataclass(frozen=True)
class Configuration:
    metadata_host: str
    subscription_id: str
    tenant_id: str
    client_id: str
    client_secret: str = field(repr=False)
    location: str | None = None


def configuration(given: Mapping[str, str], environment: Mapping[str, str] | None = None) -> Configuration:
    """Read the configuration; a key wins over its variable. Raises ConfigurationError naming what is missing."""
    env = os.environ if environment is None else environment
    unknown = sorted(given.keys() - ENVIRONMENT.keys() - OTHER_KEYS)
    if unknown:
        raise ConfigurationError(f"azure-native:{unknown[0]} is no key of the azure-native provider")
    values = {key: given.get(key) or env.get(variable, "") for key, variable in ENVIRONMENT.items()}
    if not values["metadataHost"]:
        raise ConfigurationError(
            "ARM_METADATA_HOSTNAME (azure-native:metadataHost) is not set: this is the stand-in for the azure-native "
            "plugin, and it speaks to an emulator only. For Azure itself install the real plugin and take the "
            "stand-in's folder off PATH."
        )
    for key, variable in ENVIRONMENT.items():
        if not values[key] and key != "location":
            raise ConfigurationError(f"{variable} (azure-native:{key}) is not set")
    return Configuration(
        metadata_host=values["metadataHost"],
        subscription_id=values["subscriptionId"],
        tenant_id=values["tenantId"],
        client_id=values["clientId"],
        client_secret=values["clientSecret"],
        location=values["location"] or None,
    )
