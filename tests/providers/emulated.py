"""A pool with its gallery, served over HTTPS: versions 1.0.0 (what the hosts run), 1.0.1 and 1.0.2 are there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emulator import clock, scenario
from emulator.app import Emulator
from emulator.server import Running, running
from emulator.wire import Request
from simulation.virtual_time import LoopClock, virtually
from tests.support.emulator import as_deployer
from tests.support.pools import INPUTS, Bench

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@contextmanager
def served_pool(
    directory: Path, *, speed: float = 600.0, versions: tuple[str, ...] = ("1.0.0", "1.0.1"), **options: Any
) -> Iterator[Running]:
    """The scenario `pooled` with its options, on a clock that runs at `speed`."""
    options.setdefault("latency", False)
    emulator = Emulator(scenario.build("pooled", options))

    async def prepare() -> None:
        made = Bench(emulator, LoopClock(), directory)
        await made.make_gallery(*versions)
        emulator.world.advance(made.clock.now())

    virtually(prepare())
    clock.start(emulator.world, speed)
    with running(emulator, directory) as server:
        yield server


def environment(server: Running, **changes: str) -> dict[str, str]:
    """The variables of a process that talks to the server as the deployer, without those of this machine."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ARM_", "AZURE_", "HOSTPOOL_")) and name not in PROXIES
    }
    return {**kept, **as_deployer(server), **changes}


def pool_inputs(server: Running, **changes: Any) -> dict[str, Any]:
    """The declaration of the served pool; its vault is the emulator's."""
    vault = f"{server.url}/keyvault/avd-kv/secrets"
    given: dict[str, Any] = {
        **INPUTS,
        "join": {**INPUTS["join"], "password_secret": f"{vault}/domain-join-password"},
        "local_admin": {
            "username_secret": f"{vault}/local-admin-name",
            "password_secret": f"{vault}/local-admin-password",
        },
        **changes,
    }
    return {name: value for name, value in given.items() if value is not None}


def writes(server: Running, since: int = 0) -> list[str]:
    """`PATCH <path>` of the writes that ARM was asked for after entry `since` of the request log."""
    return [f"{r['method']} {r['path']}" for r in requests_of(server) if r["n"] > since and _writes(r)]


def requests_of(server: Running) -> list[dict[str, Any]]:
    """The request log."""
    answer = server.emulator.handle(Request("GET", "/emulator/requests", {"since": "0"}))
    return list(answer.body["requests"])


def _writes(request: dict[str, Any]) -> bool:
    return request["method"] != "GET" and not request["path"].endswith(("/retrieveRegistrationToken", "/token"))
