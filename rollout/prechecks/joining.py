"""Is the declared join the one that the hosts have? The extension that joined a host is gone after its first update,
so the declaration is what counts; where traces are left, a difference is an error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rollout.arm import dig
from rollout.declaration import Join, JoinType
from rollout.extensions import AD_JOIN, ENTRA_JOIN
from rollout.observation import Host
from rollout.prechecks.facts import Facts
from rollout.prechecks.findings import Finding, error, warning


def check(facts: Facts) -> Iterator[Finding]:
    join = facts.declaration.join
    if not facts.hosts:
        return
    if join is None:
        yield error(
            "no-join",
            "join: None",
            "is missing: a new disk must be joined to the hosts' directory before it can be a session host",
            "declare join: {type: ad, domain, user, password_secret} or join: {type: entra}",
        )
        return
    yield from _account(join)
    for host in facts.hosts:
        yield from _by_name(join, host)
        yield from _by_extension(join, facts, host)
        if join.type is JoinType.ENTRA and "systemassigned" not in str(dig(host.vm.body, "identity", "type")).lower():
            yield error(
                "no-system-identity",
                host.name,
                "join.type is 'entra', and the VM has no system-assigned identity, which AADLoginForWindows needs",
                "assign one (az vm identity assign)",
            )


def _account(join: Join) -> Iterator[Finding]:
    if join.user and "@" not in join.user and "\\" not in join.user:
        yield warning(
            "join-account-form",
            f"join.user: {join.user!r}",
            "names no domain: JsonADDomainExtension takes user@domain or DOMAIN\\user",
            f"declare join.user: '{join.user}@{join.domain}'",
        )


def _by_name(join: Join, host: Host) -> Iterator[Finding]:
    """A session host's name is the FQDN where it is joined to a domain, the short name where it is joined to Entra."""
    if host.session_host is None:
        return
    name = host.session_host.name
    if ("." in name) != (join.type is JoinType.ACTIVE_DIRECTORY):
        is_now = "joined to a domain" if "." in name else "joined to Entra ID only"
        yield error(
            "join-differs",
            host.name,
            f"the form of its session host's name shows that it is {is_now}, and join.type is {str(join.type)!r}",
            f"declare join.type: {'ad' if '.' in name else 'entra'}",
        )


def _by_extension(join: Join, facts: Facts, host: Host) -> Iterator[Finding]:
    for publisher, kind, settings in _settings(facts.vm(host).body):
        if (publisher, kind) == _lower(AD_JOIN):
            if join.type is not JoinType.ACTIVE_DIRECTORY:
                yield _differs(host, "join.type", str(join.type), "ad")
                continue
            yield from _compare(host, "join.domain", join.domain, settings.get("name"))
            yield from _compare(host, "join.ou_path", join.ou_path, settings.get("oupath"))
            yield from _owner(host, join, str(settings.get("user") or ""))
        elif (publisher, kind) == _lower(ENTRA_JOIN) and join.type is JoinType.ENTRA:
            yield from _compare(host, "join.mdm_id", join.mdm_id, settings.get("mdmid"))


def _owner(host: Host, join: Join, joined_by: str) -> Iterator[Finding]:
    """A computer object is joined again by who made it, by whom a policy allows, or not at all (KB5020276)."""
    if joined_by and _account_name(joined_by) != _account_name(join.user):
        yield warning(
            "computer-owner",
            host.name,
            f"its computer object was made by {joined_by!r}, and join.user is {join.user!r}: domain controllers refuse "
            "that another account joins a computer of that name (KB5020276)",
            f"declare join.user: {joined_by!r}, or allow it by the policy 'Domain controller: Allow computer account "
            "re-use during domain join' (Group Policy Management > Computer Configuration > Security Options)",
        )


def _account_name(user: str) -> str:
    """`CONTOSO\\joiner` and `joiner@contoso.com` are one account."""
    return user.rpartition("\\")[2].partition("@")[0].lower()


def _settings(vm: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Publisher and type in lower case and public settings by lower-case name, of each extension."""
    for child in vm.get("resources") or ():
        properties = child.get("properties") or {}
        settings = properties.get("settings")
        if isinstance(settings, Mapping):
            by_name = {str(key).lower(): value for key, value in settings.items()}
            yield str(properties.get("publisher")).lower(), str(properties.get("type")).lower(), by_name


def _compare(host: Host, prop: str, declared: str, found: Any) -> Iterator[Finding]:
    if declared.lower() != str(found or "").lower():
        yield _differs(host, prop, declared, str(found or ""))


def _differs(host: Host, prop: str, declared: str, found: str) -> Finding:
    return error(
        "join-differs",
        host.name,
        f"it was joined with {prop} {found!r}, and declared is {declared!r}",
        f"declare {prop}: {found!r}, or remove the join extension from the host if the difference is meant",
    )


def _lower(pair: tuple[str, str]) -> tuple[str, str]:
    return pair[0].lower(), pair[1].lower()
