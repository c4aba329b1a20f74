"""How many hosts must accept sessions, from live load. Recomputed before every admission, never only at the start."""

from __future__ import annotations

import math
from collections.abc import Iterable

from rollout.arm import dig
from rollout.declaration import Declaration
from rollout.errors import InvalidDeclaration
from rollout.observation import Host, Pool

UNSET = 999999
"""What Azure stores as maxSessionLimit where nobody set one (recording avd-hostpool-lifecycle-2024)."""


def declared_session_limit(pool: Pool) -> int | None:
    """The pool's maxSessionLimit, None where it is not set."""
    limit = int(dig(pool.body, "properties", "maxSessionLimit") or UNSET)
    return limit if 0 < limit < UNSET else None


def session_limit(pool: Pool, declaration: Declaration) -> int:
    """Sessions a host takes. Raises InvalidDeclaration where neither the pool nor the declaration says so."""
    limit = declared_session_limit(pool) or declaration.sessions_per_host
    if limit is None:
        raise InvalidDeclaration(
            "sessions_per_host",
            None,
            f"is missing, and host pool {pool.name} has no session limit (maxSessionLimit {UNSET})",
            "declare sessions_per_host, or set the pool's limit "
            f"(az desktopvirtualization hostpool update --ids {pool.id} --max-session-limit N)",
        )
    return limit


def floor(sessions: int, hosts: int, declaration: Declaration, max_session_limit: int) -> int:
    """Hosts that must accept sessions: max(min_serving, ceil(sessions * (1 + headroom) / maxSessionLimit)).

    `hosts` is the size of the pool, which a percentage in min_serving refers to (rounded up)."""
    needed = math.ceil(round(sessions * (1 + declaration.headroom), 6) / max_session_limit)
    return max(declaration.min_serving.rounded_up(hosts), needed)


def serving(hosts: Iterable[Host], *, at: float, accept: tuple[str, ...] = ("Available",)) -> tuple[Host, ...]:
    """Hosts that accept sessions at `at` (epoch seconds): undrained, in an accepted status and with a fresh heartbeat,
    because the status outlives the heartbeat by hours (recording avd-sessionhost-get-and-list)."""
    return tuple(
        host
        for host in hosts
        if host.session_host is not None
        and host.session_host.allow_new_session
        and host.session_host.status in accept
        and host.session_host.beats(at)
    )


def sessions(hosts: Iterable[Host]) -> int:
    """Sessions of all hosts, disconnected ones included."""
    return sum(host.session_host.sessions for host in hosts if host.session_host is not None)
