"""The whole world in one file, so that an emulator that is started again goes on where it stopped.

Written atomically, about once a second while something changes and once more at the end. The writing is done by a
forked child, which has the world as it was at that instant: requests do not wait for a large world to be written.
The file is a pickle of the emulator's own classes; reading refuses all others.
"""

from __future__ import annotations

import gc
import io
import os
import pickle
import sys
from pathlib import Path
from typing import Any

from emulator import clock
from emulator.certificates import write_atomically
from emulator.world import World

FORMAT = 2
_MODULES = ("emulator.", "random", "collections", "datetime")
_BUILTINS = ("set", "frozenset", "bytearray", "complex", "range", "slice", "object")


class StateError(Exception):
    """A state file that cannot be read; the message names the file and the remedy."""


def save(world: World, path: Path) -> None:
    """Write the world to a file: whole or not at all."""
    content = pickle.dumps({"format": FORMAT, "world": world.export()}, protocol=pickle.HIGHEST_PROTOCOL)
    write_atomically(path, content, 0o600)


def load(path: Path) -> World:
    """The world of a file. Raises StateError."""
    try:
        saved = _Reader(io.BytesIO(path.read_bytes())).load()
        if saved["format"] != FORMAT:
            raise StateError(f"{path} was written by another version of the emulator: delete it to start anew")
        return World.of_export(saved["world"])
    except StateError:
        raise
    except Exception as error:
        raise StateError(f"{path} cannot be read ({error}): delete it to start anew") from error


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module.startswith(_MODULES) or (module == "builtins" and name in _BUILTINS):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} does not belong into a state file")


class Saver:
    """Decides when to save. `changed` is cheap; `poll` is called now and then and starts a write if one is due."""

    def __init__(self, path: Path, *, every: float = 1.0) -> None:
        self.path = path
        self.every = every
        self._dirty = False
        self._child: int | None = None
        self._started = 0.0
        self._next = 0.0

    def changed(self) -> None:
        """Something may have changed since the last write."""
        self._dirty = True

    def poll(self, world: World) -> None:
        """Write if something changed and the last write is long enough ago (ten times what it took)."""
        now = clock.real_time()
        if self._child is not None:
            finished, _ = os.waitpid(self._child, os.WNOHANG)
            if not finished:
                return
            self._child = None
            self._next = now + max(self.every, 10 * (now - self._started))
        if not self._dirty or now < self._next:
            return
        self._dirty = False
        if not sys.platform.startswith("linux"):
            save(world, self.path)
            self._next = clock.real_time() + max(self.every, 10 * (clock.real_time() - now))
            return
        self._started = now
        self._child = os.fork()
        if self._child == 0:
            _save_and_exit(world, self.path)

    def finish(self, world: World) -> None:
        """Wait for a write under way and write the last state."""
        if self._child is not None:
            os.waitpid(self._child, 0)
            self._child = None
        save(world, self.path)


def _save_and_exit(world: World, path: Path) -> None:
    """In the child: nothing of the parent's (event loop, sockets, exit handlers) may run here."""
    try:
        gc.disable()
        os.nice(10)
        save(world, path)
    except BaseException as error:
        os.write(2, f"emulator: state not saved: {error}\n".encode())
        os._exit(1)
    os._exit(0)
