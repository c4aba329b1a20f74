"""Inputs as Pulumi hands them to the provider: snake_case, numbers as floats."""

from __future__ import annotations

from typing import Any

SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/avd"
POOL = f"{GROUP}/providers/Microsoft.DesktopVirtualization/hostPools/hp1"
IMAGE = f"{GROUP}/providers/Microsoft.Compute/galleries/avd/images/win11"
VAULT = "https://avd-kv.vault.azure.net/secrets"


def inputs(**changes: Any) -> dict[str, Any]:
    """The least that can be declared, with changes; None leaves an input out."""
    given: dict[str, Any] = {
        "host_pool_id": POOL,
        "image": IMAGE,
        "version": "1.0.1",
        "local_admin": {
            "username_secret": f"{VAULT}/local-admin-name",
            "password_secret": f"{VAULT}/local-admin-password",
        },
    }
    given |= changes
    return {name: value for name, value in given.items() if value is not None}
