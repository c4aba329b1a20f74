"""A CLI that is gone is noticed; one that is slow is not taken for gone."""

from __future__ import annotations

import asyncio
import threading

import pytest

from providers import engine_watch
from providers.engine_watch import engine_address, is_refused, until_gone
from providers.failure import HostPoolImageUpdateFailed, one_line
from providers.runtime import Runtime


@pytest.mark.parametrize(
    ("arguments", "address"),
    [
        (["-m", "127.0.0.1:4711"], "127.0.0.1:4711"),
        (["pulumi.dynamic", "localhost:1"], "localhost:1"),
        (["pytest", "tests/providers/test_x.py::test"], None),
        (["pytest"], None),
        ([], None),
    ],
)
def test_the_engines_address_is_the_last_argument(arguments: list[str], address: str | None) -> None:
    assert engine_address(arguments) == address


async def test_three_refusals_in_a_row_mean_that_it_is_gone() -> None:
    answers = [True, True, False, True, False, True, True, True, False]
    slept: list[float] = []

    async def probe(address: str) -> bool:
        assert address == "127.0.0.1:1"
        return answers.pop(0)

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    await until_gone("127.0.0.1:1", probe=probe, sleep=sleep)
    assert answers == [False]
    assert slept == [5.0] * 8


async def test_a_listener_does_not_refuse_and_a_closed_port_does() -> None:
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    assert not await is_refused(f"{host}:{port}")
    server.close()
    await server.wait_closed()
    assert await is_refused(f"{host}:{port}")


def test_the_process_ends_after_the_work_has_come_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    left = threading.Event()

    def leave() -> None:
        order.append("left")
        left.set()

    gone = threading.Event()

    async def until(address: str) -> None:
        await asyncio.to_thread(gone.wait)

    monkeypatch.setattr("providers.runtime.until_gone", until)
    runtime = Runtime("127.0.0.1:1", leave)

    async def rollout() -> str:
        gone.set()
        await runtime.stop.wait()
        await asyncio.sleep(0)
        order.append("recorded")
        return "stopped"

    assert runtime.run(rollout()) == "stopped"
    assert left.wait(10)
    assert order == ["recorded", "left"]
    runtime.close()


def test_work_runs_in_one_loop_and_its_errors_come_back() -> None:
    runtime = Runtime(None)

    async def loop_and_thread() -> tuple[int, str]:
        return id(asyncio.get_running_loop()), threading.current_thread().name

    async def failing() -> None:
        raise HostPoolImageUpdateFailed("pool hp1: no\n  answer")

    try:
        assert runtime.run(loop_and_thread()) == runtime.run(loop_and_thread())
        assert runtime.run(loop_and_thread())[1] == "rollouts"
        with pytest.raises(HostPoolImageUpdateFailed, match=r"^pool hp1: no; answer$"):
            runtime.run(failing())
    finally:
        runtime.close()


def test_errors_are_one_line() -> None:
    assert one_line("pool hp1: nothing was started\n  image: no;\n\n  hp1:  locked ") == (
        "pool hp1: nothing was started; image: no; hp1: locked"
    )
    assert engine_watch.EVERY * engine_watch.REFUSALS == 15
