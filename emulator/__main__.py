"""`python -m emulator`: serve an emulated Azure on loopback and print the variables that point clients at it."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import secrets
import signal
import sys
from pathlib import Path

from emulator import clock, control, identity, scenario
from emulator.app import Emulator
from emulator.certificates import prepare, write_atomically
from emulator.server import Server, export_lines, write_environment
from emulator.state import StateError, load
from emulator.wire import ArmError
from emulator.world import World


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM. Exit code 2 for bad arguments or an unreadable state file."""
    parser = _parser()
    given = parser.parse_args(arguments)
    # Absolute: the variables that name it are used in other folders too.
    directory: Path = (given.directory or (given.state.parent if given.state else _cache())).resolve()
    try:
        emulator = _emulator(given, directory)
    except (StateError, ArmError) as error:
        parser.exit(2, f"emulator: {error.message if isinstance(error, ArmError) else error}\n")
    server = Server(emulator, prepare(directory), port=given.port, state=given.state)
    gc.collect()
    gc.freeze()  # a large world never becomes garbage: no collection need look at it, or stall a request for it
    try:
        asyncio.run(_serve(server, given.environment_file))
    except OSError as error:
        parser.exit(2, f"emulator: port {given.port}: {error.strerror or error}\n")
    return 0


async def _serve(server: Server, environment_file: Path | None) -> None:
    await server.start()
    stop = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    variables = server.environment()
    if environment_file is not None:
        write_environment(environment_file, variables)
    print(f"# emulator ready at {server.url}", flush=True)
    print(export_lines(variables), end="", flush=True)
    await stop.wait()
    await server.stop()


def _emulator(given: argparse.Namespace, directory: Path) -> Emulator:
    """The saved world if there is one, else the scenario."""
    key = _key(directory)
    if given.state is not None and given.state.exists():
        emulator = Emulator(load(given.state))
        clock.resume(emulator.world, given.speed)
        return emulator
    options = {
        option.name: value
        for option in scenario.OPTIONS
        if (value := getattr(given, option.name)) is not None and option.name != "start"
    }
    emulator = Emulator(World(now=clock.parse(given.start or scenario.START)))
    emulator.world.sections[identity.SECTION] = {"key": key}
    clock.start(emulator.world, given.speed)
    control.build(emulator, given.scenario, options)
    clock.start(emulator.world, given.speed)
    return emulator


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m emulator", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument(
        "--speed", type=float, default=1.0, help="emulated seconds in a real second; 0: only POST advance"
    )
    parser.add_argument("--state", type=Path, help="file that keeps the world over a restart; read if it exists")
    parser.add_argument("--directory", type=Path, help="keeps the certificate authority; default beside the state file")
    parser.add_argument("--environment-file", type=Path, help="write the export lines there once ready")
    parser.add_argument("--scenario", default="empty", choices=sorted(scenario.SCENARIOS), help="what to begin with")
    options = parser.add_argument_group("options of the scenario")
    for option in scenario.OPTIONS:
        flag = "--" + option.name.replace("_", "-")
        if option.kind is bool:
            options.add_argument(
                flag, dest=option.name, default=None, action=argparse.BooleanOptionalAction, help=option.description
            )
        else:
            options.add_argument(flag, dest=option.name, type=option.kind, help=option.description)
    return parser


def _cache() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(root) / "avd-emulator"


def _key(directory: Path) -> str:
    """The key that signs tokens, kept beside the certificate authority."""
    path = directory / "token.key"
    if not path.exists():
        write_atomically(path, secrets.token_hex(32).encode(), 0o600)
    return path.read_text().strip()


if __name__ == "__main__":
    sys.exit(main())
