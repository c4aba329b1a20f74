"""Draws a case from a seed: a pool, a declaration, and trouble of one or more kinds."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from simulation.case import Case, Deed, Runner
from simulation.deeds import DEEDS
from simulation.references import KINDS_OF_WRITE

Body = dict[str, Any]


def _answer(status: int, code: str = "", retry_after: int | None = None) -> Body:
    effect: Body = {"type": "status", "status": status}
    return {**effect, **({"code": code} if code else {}), **({"retry_after": retry_after} if retry_after else {})}


def _ends(outcome: str, code: str = "") -> Body:
    return {"type": "operation", "outcome": outcome, **({"code": code} if code else {})}


_ANY, _VM, _BUILD = ".", r"/virtualMachines/vm-\d+", r"/virtualMachines/avdtmp-[^/]+\?"
_START, _STOP, _EXTENSION = r"/vm-\d+/start", "/(deallocate|powerOff)", "/extensions/"
_RULES: tuple[tuple[str, str, str, Body], ...] = (
    # id, method (empty: any), path, effect
    ("429 burst", "", _ANY, _answer(429, "TooManyRequests", 7)),
    ("429 long", "", _VM, _answer(429, "OperationNotAllowed", 90)),
    ("409 conflict", "", _VM, _answer(409, "Conflict")),
    ("409 operation in progress", "", _VM, _answer(409, "AnotherOperationInProgress")),
    ("409 not allowed", "", _VM, _answer(409, "OperationNotAllowed")),
    ("409 session host", "DELETE", r"sessionHosts/[^/]+\?", _answer(409, "409")),
    ("412", "PATCH", _VM + r"\?", _answer(412, "ConditionNotMet")),
    ("500", "", _ANY, _answer(500)),
    ("503", "", _ANY, _answer(503)),
    ("401 expired token", "", _ANY, _answer(401, "ExpiredAuthenticationToken")),
    ("dropped before", "", _ANY, {"type": "drop", "when": "before"}),
    ("dropped after", "", _ANY, {"type": "drop", "when": "after"}),
    ("slow answer", "", _ANY, {"type": "delay", "seconds": 45}),
    ("stale session-host list", "GET", r"/sessionHosts\?", {"type": "stale", "seconds": 90}),
    ("stale VM list", "GET", r"/virtualMachines\?", {"type": "stale", "seconds": 300}),
    ("stale disk list", "GET", r"/disks\?", {"type": "stale", "seconds": 300}),
    ("start fails", "POST", _START, _ends("fail", "InternalExecutionError")),
    ("no capacity", "POST", _START, _ends("fail", "AllocationFailed")),
    ("stop fails", "POST", _STOP, _ends("fail", "InternalExecutionError")),
    ("build fails", "PUT", _BUILD, _ends("fail", "OSProvisioningTimedOut")),
    ("extension fails", "PUT", _EXTENSION, _ends("fail", "VMExtensionProvisioningError")),
    ("removal fails", "DELETE", _EXTENSION, _ends("fail", "VMExtensionProvisioningError")),
    ("swap fails", "PATCH", _VM + r"\?", _ends("fail", "InternalExecutionError")),
    ("extension hangs", "PUT", _EXTENSION, _ends("hang")),
    ("removal hangs", "DELETE", _EXTENSION, _ends("hang")),
    ("start hangs", "POST", _START, _ends("hang")),
    ("stop hangs", "POST", _STOP, _ends("hang")),
    ("build hangs", "PUT", _BUILD, _ends("hang")),
    ("run command hangs", "POST", "/runCommand", _ends("hang")),
)
FAULTS: dict[str, Body] = {
    name: {"path": path, "effect": effect, **({"method": method} if method else {})}
    for name, method, path, effect in _RULES
}
"""What a call may meet, by the rule's id."""

GUEST_FAULTS = ("never_boots", "never_provisions", "never_registers", "unhealthy", "join_fails", "agent_slow")
FEW = frozenset(name for name, rule in FAULTS.items() if rule["effect"]["type"] == "operation")
"""Faults that strike once or twice: more of them is not trouble but a place that does not work."""
KINDS = ("calm", "crash", "faults", "guests", "deeds", "owners", "pause", "bad image", "skew")
WEIGHTS = (4, 20, 20, 10, 16, 10, 10, 8, 2)
CRASH_POINTS = tuple(kind for kind in KINDS_OF_WRITE if not kind.startswith("DELETE graph/"))
"""Kinds of writes at which processes are killed. No story has devices to delete."""
PHASES = ("build", "drain", "release", "rejoin", "serve", "undo", "undo-rejoin")


def drawn(seed: int) -> Case:
    """The case of a seed, always the same."""
    chance = random.Random(f"case/{seed}")
    trouble = set(chance.choices(KINDS, WEIGHTS, k=chance.choice((1, 1, 2, 3))))
    pool, hosts = _pool(chance)
    inputs = _inputs(chance, hosts, pool)
    manners = random.Random(f"manners/{seed}")
    inputs |= _manners(manners, inputs)
    if random.Random(f"hand-off/{seed}").random() < 0.3:
        inputs["hand_off"] = "soft"
    runners = _at_kinds(random.Random(f"kinds of writes/{seed}"), _runners(chance, trouble))
    faults = _faults(chance) if "faults" in trouble else ()
    if "guests" in trouble:
        faults += (_guest(chance, hosts),)
    lasting: tuple[Body, ...] = ()
    if "bad image" in trouble:
        fault = chance.choice(GUEST_FAULTS[:-1])
        lasting = ({"id": f"bad image, {fault}", "effect": _on("^vm-", r"1\.0\.1$", fault)},)
        if fault in ("never_provisions",):
            lasting = ({"id": f"bad image, {fault}", "effect": _on("^vm-", r"1\.0\.1$", "never_boots")},)
    deeds = _deeds(chance, hosts) if "deeds" in trouble else ()
    if "deeds" in trouble and manners.random() < 0.4:
        when, delay = manners.choice(PHASES[:3]), manners.choice((-1.0, 0.0, 60.0))
        deeds += (Deed("protect", manners.randrange(hosts), when, delay),)
    return Case(seed, pool, inputs, runners, faults, lasting, deeds, back=not lasting and chance.random() < 0.12)


def _pool(chance: random.Random) -> tuple[Body, int]:
    hosts = chance.choice((1, 2, 2, 3, 3, 4, 4, 5))
    pool: Body = {"hosts": hosts, "latency": chance.random() < 0.5, "max_session_limit": chance.choice((4, 8, 16))}
    if chance.random() < 0.4:
        pool["sessions_per_host"] = chance.choice((0, 1, 2, 3))
    else:
        pool |= {
            "users": chance.randint(0, 4 * hosts),
            "ignore_probability": chance.choice((0.0, 0.3, 1.0)),
            "return_probability": chance.choice((0.0, 0.3)),
            "logged_on": chance.choice((0.3, 0.8)),
        }
    if hosts > 2 and chance.random() < 0.25:
        pool["off"] = 1
    if hosts > 3 and chance.random() < 0.25:
        pool["draining"] = 1
    if chance.random() < 0.2:
        pool["scaling_plan"] = True
    if chance.random() < 0.3:
        pool["load_balancer"] = "DepthFirst"
    _make_room(pool, hosts)
    return pool, hosts


def _make_room(pool: Body, hosts: int) -> None:
    """A pool whose load needs every host can never be updated, and says so: that is no trouble to find."""
    serving = hosts - int(pool.get("off", 0)) - int(pool.get("draining", 0))
    if serving < 2 or pool.get("scaling_plan"):
        pool |= {"users": 0}
        pool.pop("sessions_per_host", None)
        return
    running = hosts - int(pool.get("off", 0))
    load = int(pool.get("sessions_per_host", 0)) * running + int(pool.get("users", 0))
    pool["max_session_limit"] = max(int(pool["max_session_limit"]), -(-load * 6 // (5 * (serving - 1))))


def _inputs(chance: random.Random, hosts: int, pool: Body) -> Body:
    grace = chance.choice(("PT2M", "PT5M"))
    inputs: Body = {
        "max_unavailable": float(chance.randint(1, max(1, min(3, hosts - 1)))),
        "min_serving": float(chance.choice((0, 0, 1))) if hosts > 3 and "scaling_plan" not in pool else 0.0,
        "canary": {"hosts": float(chance.choice((0, 1, 1, 2))), "bake": chance.choice(("PT0S", "PT5M", "PT20M"))},
        "max_failed": float(chance.choice((0, 1, 2))),
        "drain": {
            "deadline": chance.choice(("PT10M", "PT30M")),
            "log_off": chance.choice(("force", "force", "disconnected_only", "wait")),
            "grace": grace,
            "allow_data_loss": True,
        },
        "verify": {"timeout": chance.choice(("PT30M", "PT45M"))},
    }
    if chance.random() < 0.15:
        inputs["build"] = "after_deallocate"
    if chance.random() < 0.15:
        inputs["stop"] = "power_off"
    elif chance.random() < 0.12:
        inputs["vm_size"] = "Standard_D8s_v5"
    if chance.random() < 0.1:
        inputs["os_disk_type"] = "StandardSSD_LRS"
    if chance.random() < 0.12:
        start, hours = chance.choice((("19:00", 4), ("21:30", 3), ("20:00", 2)))
        inputs["window"] = {"recur_every": "Day", "start": start, "duration": f"PT{hours}H", "time_zone": "UTC"}
        inputs["when_closed"] = chance.choice(("return", "return", "wait"))
    if not inputs["canary"]["hosts"]:
        del inputs["canary"]["bake"]  # which nobody would heed
    if inputs["drain"]["log_off"] != "force":
        # Users who never leave keep their host: the calm would never be complete.
        pool.pop("sessions_per_host", None)
        pool["users"] = 0 if hosts < 3 or chance.random() < 0.5 else pool.get("users", 2)
        pool["ignore_probability"] = 0.0
    return inputs


def _manners(chance: random.Random, inputs: Body) -> Body:
    """How users and protected hosts are treated, drawn apart so that the rest of a seed's story stays as it is."""
    drain: Body = dict(inputs["drain"])
    if chance.random() < 0.4:
        drain["reminders"] = [
            {"before": before, "text": f"Reminder {before}: please sign out by {{time}}."}
            for before in chance.sample(("PT8M", "PT4M", "PT1M"), k=chance.choice((1, 2)))
        ]
    if chance.random() < 0.3:
        drain["end_disconnected_after"] = chance.choice(("PT0S", "PT3M", "PT15M"))
    then = chance.choice(("skip", "fail"))
    protection = {"policy": chance.choice(("skip", "wait", "wait")), "deadline": chance.choice(("PT20M", "PT1H"))}
    waits = protection["policy"] == "wait"
    return {"drain": drain, "protection": {**protection, "then": then} if waits else {"policy": "skip"}}


def _runners(chance: random.Random, trouble: set[str]) -> tuple[Runner, ...]:
    skew = chance.choice((-400.0, -30.0, 45.0, 600.0)) if "skew" in trouble or chance.random() < 0.1 else 0.0
    first = Runner(skew=skew)
    runners = [first]
    if "crash" in trouble:
        runners = [_killed(chance, skew if n == 0 else 0.0) for n in range(chance.choice((1, 1, 2)))]
    if "pause" in trouble:
        at = chance.uniform(60, 5400)
        runners = [
            Runner(pause_at=at, pause_for=chance.uniform(200, 2500), sending=chance.random() < 0.4, skew=skew),
            Runner(after=at + chance.uniform(30, 300)),
        ]
    if "owners" in trouble:
        runners.append(Runner(after=chance.uniform(0, 5400), skew=-skew))
    return tuple(runners)


def _killed(chance: random.Random, skew: float) -> Runner:
    if chance.random() < 0.3:
        return Runner(at=chance.uniform(10, 9000), skew=skew)
    side = "before" if chance.random() < 0.5 else "after"
    return Runner(write=chance.randint(1, 160), side="before" if side == "before" else "after", skew=skew)


def _at_kinds(chance: random.Random, runners: tuple[Runner, ...]) -> tuple[Runner, ...]:
    """A third of those that are killed at a write die at one of the first of its kind: some are rare."""
    return tuple(
        replace(runner, write=chance.randint(1, 3), kind=chance.choice(CRASH_POINTS))
        if runner.write is not None and chance.random() < 1 / 3
        else runner
        for runner in runners
    )


def _faults(chance: random.Random) -> tuple[Body, ...]:
    found = []
    for name in chance.sample(sorted(FAULTS), k=chance.choice((1, 1, 2, 3))):
        rule: Body = {"id": name, **FAULTS[name]}
        if name in FEW:
            rule |= {"nth": sorted(chance.sample(range(1, 7), k=chance.choice((1, 2))))}
        elif name.startswith("stale"):
            rule |= {"times": 400}
        else:
            rule |= {"probability": chance.choice((0.02, 0.1, 0.3)), "times": chance.choice((3, 12, 30))}
        found.append(rule)
    return tuple(found)


def _guest(chance: random.Random, hosts: int) -> Body:
    fault = chance.choice(GUEST_FAULTS)
    effect = _on(f"^vm-{chance.randrange(hosts)}$", chance.choice((r"1\.0\.1$", r"1\.0\.1$", ".")), fault)
    if fault == "agent_slow":
        effect["seconds"] = chance.choice((300, 900))
    return {"id": fault, "times": chance.choice((1, 2)), "effect": effect}


def _on(host: str, image: str, fault: str) -> Body:
    return {"type": "guest", "host": host, "image": image, "fault": fault}


def _deeds(chance: random.Random, hosts: int) -> tuple[Deed, ...]:
    deeds = []
    for kind in chance.sample(sorted(DEEDS.keys() - {"protect"}), k=chance.choice((1, 1, 2))):
        if kind in ("delete_vm", "delete_session_host") and hosts == 1:
            continue  # a pool without hosts is refused, and rightly
        host, delay = chance.randrange(hosts), chance.choice((-1.0, 0.0, 5.0, 60.0, 400.0))
        if chance.random() < 0.7:
            deeds.append(Deed(kind, host, chance.choice(PHASES), delay))
        else:
            deeds.append(Deed(kind, host, "", chance.uniform(60, 5400)))
    if chance.random() < 0.5:  # between a look and the write that follows from it
        kind = chance.choice(("add_vm_tag", "add_vm_tag", "slip_back", "slip_back", "wipe_vm_tags", "stop_vm"))
        phase = "release" if kind == "slip_back" else chance.choice(PHASES[:5])
        deeds.append(Deed(kind, chance.randrange(hosts), phase, -1.0))
    return tuple(deeds)
