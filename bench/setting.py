"""What is measured: pools, and the orders in which one engine rolls them. Durations are of the emulator's own table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from demo.pulumi_cli import PROJECT
from rollout.admission import Order
from simulation.emulated_pool import INPUTS

FOLDER = PROJECT / ".cache" / "bench"
BAKE = 600.0
"""Seconds that the canary, one host, serves before the rest follows."""
DRAIN = {"deadline": "PT60M", "log_off": "force", "grace": "PT5M", "allow_data_loss": True}
SEEDS = (1, 2, 3, 4, 5)
ABLATION_SEEDS = 20
PREVIEW_HOSTS = 500
PREVIEW_RUNS = 5


@dataclass(frozen=True)
class Pool:
    """What a rollout meets."""

    hosts: int
    max_unavailable: int
    scenario: Mapping[str, Any]
    """Options of the emulator's scenario."""
    before: float = 0.0
    """Seconds that users come and go before the rollout begins."""
    history: bool = False
    """The pool knows its load: each hour of the coming day is expected to be as it was the day before."""

    @property
    def load_balancer(self) -> str:
        return str(self.scenario.get("load_balancer", "BreadthFirst"))


@dataclass(frozen=True)
class Side:
    """One way to roll a pool."""

    title: str
    pool: Pool
    order: Order
    changes: Mapping[str, Any] = field(default_factory=dict)
    """What is declared otherwise."""

    @property
    def inputs(self) -> dict[str, Any]:
        return {
            **INPUTS,
            "max_unavailable": float(self.pool.max_unavailable),
            "canary": {"hosts": 1.0, "bake": "PT10M"},
            "drain": DRAIN,
            **self.changes,
        }


FULL = Pool(hosts=100, max_unavailable=10, scenario={"sessions_per_host": 6})
"""Every session stays until it is told to end."""
OFFICE = Pool(hosts=24, max_unavailable=3, scenario={"users": 144, "max_session_limit": 10}, before=16 * 3600.0)
"""People who come and go, heed messages or do not, from noon of a working day on: the scenario begins at 20:00."""

NOT_AHEAD = {"build": "after_deallocate"}
# azure-docs articles/virtual-desktop/session-host-update.md: one host, then batches, each asked to sign out when the
# last has ended, and a host's disk is made once it is off.
AVD_ORDER = Order(barrier=True, drain_ahead=False, by_sessions=False)

SIDES = {
    "sliding": Side("sliding window, build ahead", FULL, Order()),
    "barrier": Side("AVD's order: barrier batches, build after deallocate", FULL, AVD_ORDER, NOT_AHEAD),
}

ABLATION = {
    "all": Side("all on", OFFICE, Order()),
    "no-sliding-window": Side("no sliding window", OFFICE, Order(barrier=True)),
    "no-build-ahead": Side("no build-ahead", OFFICE, Order(), NOT_AHEAD),
    "no-pipelined-drain": Side("no pipelined drain", OFFICE, Order(drain_ahead=False)),
    "no-session-order": Side("no session order", OFFICE, Order(by_sessions=False)),
    "avd": Side("AVD's order", OFFICE, AVD_ORDER, NOT_AHEAD),
}
"""All on, each of the four alone switched off, and all four off."""

DAY = {"recur_every": "Day", "start": "12:00", "duration": "PT16H", "time_zone": "UTC"}
DEPTH = replace(OFFICE, scenario={**OFFICE.scenario, "load_balancer": "DepthFirst"})
AT_NIGHT = replace(OFFICE, before=7 * 3600.0)
"""From three in the morning on, with few people at work."""
QUIETEST = {"window": DAY, "timing": "quietest", "when_closed": "wait"}
SOFT = {"hand_off": "soft"}
BY_NAME = Order(by_sessions=False)


def known(pool: Pool) -> Pool:
    """A day later, so that there is a day to learn from."""
    return replace(pool, before=pool.before + 24 * 3600.0, history=True)


SESSIONS = {
    "fixed": Side("breadth-first: fixed order", OFFICE, BY_NAME),
    "aware": Side("by sessions", OFFICE, Order()),
    "few": Side("by sessions, max_sessions 2", OFFICE, Order(), {"drain": {**DRAIN, "max_sessions": 2.0}}),
    "soft": Side("by sessions, hand_off soft", OFFICE, Order(), SOFT),
    "quietest": Side("by sessions, quietest", known(OFFICE), Order(), QUIETEST),
    "depth-fixed": Side("depth-first: fixed order", DEPTH, BY_NAME),
    "depth-aware": Side("by sessions", DEPTH, Order()),
    "depth-soft": Side("by sessions, hand_off soft", DEPTH, Order(), SOFT),
    "depth-quietest": Side("by sessions, quietest", known(DEPTH), Order(), QUIETEST),
}
"""Orders and moments of a rollout that may begin at noon of a working day."""
NIGHTS = {
    "night": Side("at night: empty hosts drained ahead", AT_NIGHT, Order()),
    "night-soft": Side("hand_off soft", AT_NIGHT, Order(), SOFT),
    "night-late": Side("no sooner than they empty", AT_NIGHT, Order(empty_ahead=False)),
}
SESSION_SEEDS = 5
