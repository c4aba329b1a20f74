"""Can the declared Key Vault secrets be read? Asked at the start only; the values are thrown away at once."""

from __future__ import annotations

from collections.abc import Iterator

from rollout.azure import Azure
from rollout.declaration import Declaration
from rollout.errors import AzureError, Forbidden, NotFound
from rollout.prechecks.findings import Finding, error


def declared(declaration: Declaration) -> Iterator[tuple[str, str]]:
    """(property, URI) of the secrets that the rollout will read."""
    if declaration.local_admin is not None:
        yield "local_admin.username_secret", declaration.local_admin.username_secret
        yield "local_admin.password_secret", declaration.local_admin.password_secret
    if declaration.join is not None and declaration.join.password_secret:
        yield "join.password_secret", declaration.join.password_secret


async def check(azure: Azure, declaration: Declaration) -> list[Finding]:
    found = []
    for prop, uri in declared(declaration):
        subject = f"{prop}: {uri!r}"
        vault = uri.split("/secrets/")[0]
        try:
            empty = not await azure.get_secret(uri)
        except NotFound:
            found.append(
                error(
                    "secret-missing", subject, "the secret or its vault does not exist", "create it, or correct the URI"
                )
            )
        except Forbidden as refused:
            found.append(
                error(
                    "secret-forbidden",
                    subject,
                    f"may not be read ({refused.code})",
                    f"assign Key Vault Secrets User on {vault} to the updater, and let it through the vault's firewall",
                )
            )
        except AzureError as failed:
            found.append(
                error(
                    "secret-unreadable",
                    subject,
                    f"could not be read ({failed.status} {failed.code})",
                    f"check that {vault} is reachable from here and that the secret is enabled",
                )
            )
        else:
            if empty:
                found.append(error("secret-empty", subject, "the secret is empty", "set its value"))
    return found
