"""Faults that a test asks for: which calls and which guests go wrong, and how.

A rule names a method and a regular expression, searched without case in `path?query`; `nth` counts the rule's own
matches from 1, `probability` draws by the seed. The first rule that acts wins; later rules do not see that call. Guest
rules need no method or path: they act when a guest boots whose host name and image fit.
"""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from emulator.wire import ArmError, Body, Request, Response
from emulator.world import World

SECTION = "faults"
EFFECTS = ("status", "drop", "delay", "stale", "operation", "guest")
GUEST_FAULTS = (
    "never_boots",
    "never_provisions",
    "never_registers",
    "unhealthy",
    "join_fails",
    "agent_slow",
    "accounts_stay",
    "sysprep_fails",
    "sysprep_hangs",
    "boots_slowly",
    "extension_fails",
)


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule that acts on a call. `effect` is the rule's own object: `type` and what belongs to it."""

    id: str
    effect: Body


@dataclass(slots=True)
class Rule:
    """`times` is the number of times it acts at most, None without a limit."""

    id: str
    effect: Body
    method: str | None = None
    path: str | None = None
    nth: list[int] | None = None
    probability: float | None = None
    times: int | None = None
    matches: int = 0
    acted: int = 0


@dataclass(slots=True)
class Faults:
    rules: list[Rule] = field(default_factory=list)
    random: random.Random = field(default_factory=lambda: random.Random(1))
    seen: dict[str, tuple[float, Body]] = field(default_factory=dict)
    """What calls that are to be answered late were answered: when, and the body."""


def replace(world: World, document: Any) -> None:
    """Take the rules of `POST /emulator/faults`; they replace all others and all counters start again.

    Raises ArmError 400 InvalidFault that names what is wrong; then nothing has changed.
    """
    if not isinstance(document, dict) or not isinstance(document.get("rules", []), list):
        raise _invalid('the body is {"seed": n, "rules": [..]}')
    rules = [_rule(number, given) for number, given in enumerate(document.get("rules", []), 1)]
    world.sections[SECTION] = Faults(rules, random.Random(document.get("seed", 1)))


def clear(world: World) -> None:
    """No faults any more."""
    world.sections.pop(SECTION, None)


def before(world: World, request: Request) -> Fault | None:
    """The fault that strikes this call, counted; None for an unharmed one."""
    faults: Faults | None = world.sections.get(SECTION)
    if faults is None or not faults.rules:
        return None
    target = request.path + "?" + "&".join(f"{name}={value}" for name, value in request.query.items())
    for rule in faults.rules:
        if rule.effect["type"] == "guest":
            continue
        if rule.method is not None and rule.method != request.method.upper():
            continue
        if rule.path is not None and re.search(rule.path, target, re.IGNORECASE) is None:
            continue
        if _acts(faults, rule):
            return Fault(rule.id, rule.effect)
    return None


def stale(world: World, request: Request, seconds: float, answer: Callable[[], Response]) -> Response:
    """The answer as it was up to `seconds` ago: lists lag behind what was written (eventual consistency)."""
    faults: Faults = world.sections[SECTION]
    known = faults.seen.get(request.path.lower())
    if known is not None and world.now - known[0] <= seconds:
        return Response(200, copy.deepcopy(known[1]))
    response = answer()
    if response.status == 200:
        faults.seen[request.path.lower()] = (world.now, copy.deepcopy(response.body))
    return response


def guest(world: World, host_name: str, image_version_id: str | None) -> list[Body]:
    """What goes wrong in a guest that boots now: the effect of the first rule that acts, counted; or nothing.

    `host` and `image` of a rule are searched without case; a rule without one of them takes any.
    """
    faults: Faults | None = world.sections.get(SECTION)
    for rule in faults.rules if faults else []:
        if rule.effect["type"] != "guest":
            continue
        fits = all(
            re.search(rule.effect.get(name) or "", value or "", re.IGNORECASE)
            for name, value in (("host", host_name), ("image", image_version_id))
        )
        if fits and faults is not None and _acts(faults, rule):
            return [rule.effect]
    return []


def _acts(faults: Faults, rule: Rule) -> bool:
    rule.matches += 1
    if rule.times is not None and rule.acted >= rule.times:
        return False
    if rule.nth is not None and rule.matches not in rule.nth:
        return False
    if rule.probability is not None and faults.random.random() >= rule.probability:
        return False
    rule.acted += 1
    return True


def _rule(number: int, given: Any) -> Rule:
    if not isinstance(given, dict):
        raise _invalid(f"rule {number} is not an object")
    name = str(given.get("id", f"rule-{number}"))
    unknown = sorted(set(given) - {"id", "method", "path", "nth", "probability", "times", "effect"})
    if unknown:
        raise _invalid(f"rule {name}: unknown {', '.join(unknown)}")
    effect = given.get("effect")
    if not isinstance(effect, dict) or effect.get("type") not in EFFECTS:
        raise _invalid(f"rule {name}: effect.type is one of {', '.join(EFFECTS)}")
    _check_effect(name, effect)
    nth = given.get("nth")
    if isinstance(nth, int) and not isinstance(nth, bool):
        nth = [nth]
    if nth is not None and not (isinstance(nth, list) and nth and all(isinstance(n, int) and n >= 1 for n in nth)):
        raise _invalid(f"rule {name}: nth is a list of numbers from 1 on")
    probability, times = given.get("probability"), given.get("times")
    if probability is not None and not (isinstance(probability, int | float) and 0 <= probability <= 1):
        raise _invalid(f"rule {name}: probability is a number from 0 to 1")
    if times is not None and not (isinstance(times, int) and times >= 0):
        raise _invalid(f"rule {name}: times is a number from 0 on")
    if times is None and nth is not None:
        times = len(nth)
    method = given.get("method")
    return Rule(
        name,
        effect,
        method=str(method).upper() if method not in (None, "", "*") else None,
        path=_pattern(name, "path", given.get("path")),
        nth=nth,
        probability=probability,
        times=times,
    )


def _check_effect(name: str, effect: Body) -> None:
    kind = effect["type"]
    if kind == "status" and not isinstance(effect.get("status"), int):
        raise _invalid(f"rule {name}: effect.status is an HTTP status")
    if kind == "drop" and effect.get("when") not in ("before", "after"):
        raise _invalid(f"rule {name}: effect.when is before or after")
    if kind == "delay" and not isinstance(effect.get("seconds"), int | float):
        raise _invalid(f"rule {name}: effect.seconds is a number of seconds")
    if kind == "stale" and not isinstance(effect.get("seconds"), int | float):
        raise _invalid(f"rule {name}: effect.seconds is a number of seconds")
    if kind == "operation" and effect.get("outcome") not in ("fail", "hang"):
        raise _invalid(f"rule {name}: effect.outcome is fail or hang")
    if kind == "guest":
        if effect.get("fault") not in GUEST_FAULTS:
            raise _invalid(f"rule {name}: effect.fault is one of {', '.join(GUEST_FAULTS)}")
        for part in ("host", "image", "extension"):
            _pattern(name, part, effect.get(part))


def _pattern(name: str, part: str, pattern: Any) -> str | None:
    if pattern is None:
        return None
    try:
        re.compile(str(pattern))
    except re.error as error:
        raise _invalid(f"rule {name}: {part} is no regular expression: {error}") from None
    return str(pattern)


def _invalid(message: str) -> ArmError:
    return ArmError(400, "InvalidFault", message)
