"""`python -m emulator.native [options] ENGINE_ADDRESS`: serve the provider until the engine ends the process.

As the plugin protocol wants it, the port is the first line of standard output.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from emulator.native.provider import Provider

WORKERS = 32
"""Calls at once: image versions wait for minutes each, and `Cancel` must still find a thread."""

MESSAGE_BYTES = 400 * 1024 * 1024
"""Pulumi's own limit of a message."""


def serve(engine_address: str | None) -> tuple[grpc.Server, int]:
    """A started server on a free port of the loopback interface, and the port."""
    server = grpc.server(
        ThreadPoolExecutor(max_workers=WORKERS),
        options=[("grpc.max_receive_message_length", MESSAGE_BYTES), ("grpc.max_send_message_length", MESSAGE_BYTES)],
    )
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(engine_address), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


PARENT_EVERY = 5.0
"""Seconds between looks for the CLI that started this process: one that is killed ends nobody."""


def end_with_parent() -> None:
    """End this process when its parent has."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_EVERY)
        os._exit(0)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def main() -> None:
    end_with_parent()
    addresses = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    server, port = serve(addresses[-1] if addresses else None)
    print(port, flush=True)
    try:
        server.wait_for_termination()
    except KeyboardInterrupt:
        server.stop(grace=None)


if __name__ == "__main__":
    main()
