"""How this process is asked to stop, beside the loss of the engine (`engine_watch`): signals, and Pulumi's Cancel.

Of Ctrl-C and of a CI runner's SIGTERM the CLI tells its providers by the RPC `Cancel`; a second one makes it send
SIGINT to the process, and SIGKILL five seconds later (tried with CLI 3.259). Python's `pulumi.dynamic` does nothing on
Cancel, and on SIGINT takes no more calls but lets its threads work on. Its main thread, the only one that Python lets
install signal handlers, runs none of our code; what is here works from any thread.
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
import signal
import sys
from collections.abc import Callable

SIGNALS = (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else []))


def on_signals(loop: asyncio.AbstractEventLoop, tell: Callable[[], object]) -> None:
    """Call `tell` on the loop whenever a signal asks the process to end, in place of what it did until now.

    `faulthandler` may handle a signal without the main thread's help: it writes a traceback to a file, which here is a
    pipe that the loop reads. Where there is no such thing (Windows), signals do what they did. Call it on the loop.
    """
    if not hasattr(faulthandler, "register"):
        return
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    for number in SIGNALS:
        faulthandler.register(number, file=writing, all_threads=False, chain=False)

    def read() -> None:
        os.read(reading, 65536)
        tell()

    loop.add_reader(reading, read)


def on_cancel() -> bool:
    """Let Pulumi's RPC Cancel stop what is at work in `providers.runtime`; whether that could be done.

    The server of `pulumi.dynamic` holds the servicer's method since it was started, so the method itself is given
    another body. A Pulumi SDK that is made otherwise is left alone: then Cancel goes unheard, as it does without this.
    """
    servicer = getattr(sys.modules["__main__"], "DynamicResourceProviderServicer", None)
    method = getattr(servicer, "Cancel", None)
    if method is None or not hasattr(method, "__code__"):
        return False
    method.__code__ = _cancel.__code__
    return True


def _cancel(self: object, request: object, context: object) -> object:
    """Runs with the names of `pulumi.dynamic.__main__`: it brings its own."""
    from google.protobuf.empty_pb2 import Empty

    from providers.runtime import runtime

    runtime().cancel()
    return Empty()
