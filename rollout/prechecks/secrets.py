"""The declared Key Vault secrets: can they be read, are they valid, and is what they hold of use? Values are thrown
away at once.

Key Vault hands out a secret before its `nbf` and after its `exp` (learn.microsoft.com/azure/key-vault/secrets/
about-secrets), so both are looked at here.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from rollout import schedule
from rollout.arm import dig
from rollout.azure import Azure, Body
from rollout.clock import iso
from rollout.declaration import Declaration
from rollout.errors import AzureError, Forbidden, NotFound, Unreachable
from rollout.prechecks.credentials import name_refused, password_refused, settings_refused
from rollout.prechecks.facts import Facts
from rollout.prechecks.findings import Finding, error, graded, warning

PATIENCE = 20.0
"""Seconds for which a preview waits for a vault: one behind a private endpoint may never answer where it runs."""


@dataclass(frozen=True)
class Secret:
    """A declared secret: its property and URI."""

    prop: str
    uri: str
    refused: Callable[[str], str] = lambda value: ""
    """Why Azure refuses its value, or nothing."""
    service: bool = False
    """It holds the URL of a service that is told of the rollout, which goes on without it."""

    @property
    def subject(self) -> str:
        return f"{self.prop}: {self.uri!r}"

    @property
    def new_version(self) -> str:
        """The command that sets another value."""
        url = urlsplit(self.uri)
        vault, name = url.netloc.split(".")[0], url.path.partition("/secrets/")[2].split("/")[0]
        return f"az keyvault secret set --vault-name {vault} --name {name} --value ..."


def declared(declaration: Declaration) -> Iterator[Secret]:
    """The secrets that the rollout will read."""
    if declaration.local_admin is not None:
        yield Secret("local_admin.username_secret", declaration.local_admin.username_secret, name_refused)
        yield Secret("local_admin.password_secret", declaration.local_admin.password_secret, password_refused)
    if declaration.join is not None and declaration.join.password_secret:
        yield Secret("join.password_secret", declaration.join.password_secret)
    for name, uri in declaration.post_update.secrets:
        yield Secret(f"post_update.secrets.{name}", uri)
    for number, extension in enumerate(declaration.post_update.extensions):
        if extension.protected_settings_secret:
            prop = f"post_update.extensions[{number}].protected_settings_secret"
            yield Secret(prop, extension.protected_settings_secret, settings_refused)
    if declaration.notify is not None:
        for number, uri in enumerate(declaration.notify.url_secrets):
            yield Secret(f"notify.url_secrets[{number}]", uri, service=True)


async def check(azure: Azure, facts: Facts, *, preview: bool) -> list[Finding]:
    """One read for each secret. In a preview, which may run with other rights than the update, a secret that may not be
    read is a warning; an update is not stopped by what only notifications need."""
    wanted = tuple(declared(facts.declaration))
    answers = await asyncio.gather(*(_read(azure, secret.uri, PATIENCE if preview else None) for secret in wanted))

    def judged() -> list[Finding]:
        found: list[Finding] = []
        for secret, answer in zip(wanted, answers, strict=True):
            if isinstance(answer, AzureError):
                found.append(_unread(secret, answer, preview=preview))
            else:
                found.extend(_judged(secret, answer, facts, preview=preview))
        return found

    # In a thread where apprise is needed, which takes seconds to load its services.
    return await asyncio.to_thread(judged) if any(secret.service for secret in wanted) else judged()


async def _read(azure: Azure, uri: str, patience: float | None) -> Body | AzureError:
    try:
        async with asyncio.timeout(patience):
            return await azure.get_secret_bundle(uri)
    except TimeoutError:
        return Unreachable(0, "NoAnswer", f"no answer in {patience:g} s")
    except AzureError as failed:
        return failed


def _unread(secret: Secret, failed: AzureError, *, preview: bool) -> Finding:
    vault = secret.uri.split("/secrets/")[0]
    if isinstance(failed, NotFound):
        return graded(
            preview or not secret.service,
            "secret-missing",
            secret.subject,
            "the secret or its vault does not exist",
            f"create it ({secret.new_version}), or correct the URI",
        )
    if isinstance(failed, Forbidden) and "disabled" in failed.message.lower():
        return graded(
            preview or not secret.service,
            "secret-disabled",
            secret.subject,
            "the secret is disabled",
            f"enable it (az keyvault secret set-attributes --id {secret.uri} --enabled true), or name another",
        )
    if isinstance(failed, Forbidden):
        return graded(
            not preview and not secret.service,
            "secret-forbidden",
            secret.subject,
            f"could not be checked: it may not be read ({failed.code})",
            f"assign Key Vault Secrets User on {vault} to the updater, and let it through the vault's firewall",
        )
    return graded(
        not preview and not secret.service,
        "secret-unreadable",
        secret.subject,
        f"could not be checked: it could not be read ({failed.status} {failed.code})",
        f"check that {vault} is reachable from here",
    )


def _judged(secret: Secret, found: Body, facts: Facts, *, preview: bool) -> Iterator[Finding]:
    fatal = preview or not secret.service
    value, now = str(found.get("value") or ""), facts.pool.observed_at
    expires, begins = (dig(found, "attributes", key) for key in ("exp", "nbf"))
    ends = schedule.estimate(facts.declaration, len(facts.hosts), len(facts.pool.hosts), now).ends
    if expires is not None and expires <= now:
        yield graded(
            fatal,
            "secret-expired",
            secret.subject,
            f"the secret has expired ({iso(expires)})",
            f"set a version that is valid ({secret.new_version} --expires ...)",
        )
    elif expires is not None and expires <= ends:
        yield warning(
            "secret-expires",
            secret.subject,
            f"the secret expires ({iso(expires)}) before the rollout is expected to end ({iso(ends)})",
            f"set a version that is valid for longer ({secret.new_version} --expires ...)",
        )
    if begins is not None and begins > now:
        yield warning(
            "secret-not-yet-valid",
            secret.subject,
            f"the secret is valid from {iso(begins)} on",
            f"set a version that is valid now ({secret.new_version})",
        )
    if not value:
        yield graded(
            fatal, "secret-empty", secret.subject, "the secret is empty", f"set its value ({secret.new_version})"
        )
    elif secret.service and not is_service(value):
        yield graded(
            fatal,
            "notify-url-unknown",
            secret.subject,
            f"the secret holds {_kind_of(value)}",
            f"set one, such as jsons://user:password@host/path ({secret.new_version}; "
            "https://github.com/caronc/apprise/wiki lists them)",
        )
    elif why := secret.refused(value):
        yield error(
            "local-admin-refused", secret.subject, f"the secret's value {why}", f"set another ({secret.new_version})"
        )


def _kind_of(value: str) -> str:
    """What is wrong with the URL of a service, without telling more of it than its scheme: the rest is secret."""
    scheme, found, _ = value.strip().partition("://")
    if found and re.fullmatch(r"[a-z]{2,20}", scheme):
        return f"a URL that begins with {scheme}://, which is none that apprise knows, or is not whole"
    return "no URL of a service that apprise knows"


def is_service(url: str) -> bool:
    """Whether the URL is that of a service, as apprise itself judges it. Its log names the URL, which is secret, so it
    is silenced."""
    logging.getLogger("apprise").addHandler(logging.NullHandler())
    logging.getLogger("apprise").propagate = False
    from apprise import Apprise  # slow: only where notifications are declared

    return bool(Apprise().add(url.strip()))
