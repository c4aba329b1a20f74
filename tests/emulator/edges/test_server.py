"""HTTPS, the state file, the command."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from emulator import clock, scenario
from emulator.app import Emulator
from emulator.certificates import prepare
from emulator.server import Running, export_lines, running
from emulator.state import Saver, StateError, load, save
from tests.emulator.avd.pool import POOL


def _fetch(
    served: Running, path: str, body: bytes | None = None, method: str | None = None
) -> tuple[int, dict[str, str], Any]:
    context = ssl.create_default_context(cafile=served.server.environment()["SSL_CERT_FILE"])
    request = urllib.request.Request(served.url + path, data=body, method=method)
    try:
        with urllib.request.urlopen(request, context=context) as answer:
            return answer.status, dict(answer.headers), json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), json.loads(error.read() or b"null")


def test_date_is_emulated_time(served: Running) -> None:
    _, headers, body = _fetch(served, "/emulator/state")
    assert headers["Date"].endswith("GMT") and "2026" in headers["Date"]
    assert body["now"].startswith(str(clock.parse(body["now"]) and body["now"][:4]))


def test_environment_names_the_port_and_the_clock(served: Running) -> None:
    _, _, variables = _fetch(served, "/emulator/environment")
    assert variables["ARM_METADATA_HOSTNAME"] == served.url.removeprefix("https://")
    real, emulated, speed = (float(part) for part in variables["HOSTPOOL_CLOCK"].split(","))
    assert speed == 2000.0
    now = clock.Clock(real, emulated, speed).emulated(__import__("time").time())
    _, _, state = _fetch(served, "/emulator/state")
    assert abs(clock.parse(state["now"]) - now) < 2000 * 30


def test_body_that_is_no_json_is_400(served: Running) -> None:
    status, _, body = _fetch(served, "/emulator/faults", b"{not json", "POST")
    assert (status, body["error"]["code"]) == (400, "InvalidRequestContent")


def test_dropped_call_closes_the_connection(served: Running) -> None:
    rules = {"rules": [{"id": "d", "path": "hostPools", "effect": {"type": "drop", "when": "before"}}]}
    assert _fetch(served, "/emulator/faults", json.dumps(rules).encode(), "POST")[0] == 200
    try:
        token = _token(served)
        context = ssl.create_default_context(cafile=served.server.environment()["SSL_CERT_FILE"])
        connection = http.client.HTTPSConnection("localhost", served.server.port, context=context)
        connection.request("GET", f"{POOL}?api-version=2024-04-03", headers={"Authorization": f"Bearer {token}"})
        with pytest.raises((http.client.RemoteDisconnected, ConnectionError, ssl.SSLError)):
            connection.getresponse()
        connection.close()
    finally:
        _fetch(served, "/emulator/faults", None, "DELETE")


def _token(served: Running) -> str:
    form = {
        "grant_type": "client_credentials",
        "client_id": scenario.DEPLOYER["client_id"],
        "client_secret": scenario.DEPLOYER["secret"],
        "scope": "https://management.azure.com/.default",
    }
    context = ssl.create_default_context(cafile=served.server.environment()["SSL_CERT_FILE"])
    data = urllib.parse.urlencode(form).encode()
    with urllib.request.urlopen(f"{served.url}/{scenario.TENANT}/oauth2/v2.0/token", data, context=context) as answer:
        token: str = json.loads(answer.read())["access_token"]
    return token


def test_state_survives_a_restart_and_so_does_the_authority(directory: Path) -> None:
    state = directory / "state"
    world = scenario.build("pooled", {"hosts": 2, "users": 4})
    with running(Emulator(world), directory, state=state) as first:
        bundle = prepare(directory).bundle.read_bytes()
        _fetch(first, "/emulator/advance", b'{"seconds": 5000}', "POST")
        before = _fetch(first, "/emulator/state")[2]
        pending = len(first.emulator.world.export()["events"])
    again = load(state)
    with running(Emulator(again), directory, state=state) as second:
        after = _fetch(second, "/emulator/state")[2]
        vault = f"{POOL.split('/providers')[0]}/providers/Microsoft.KeyVault/vaults/avd-kv".lower()
        assert before["resources"].pop(vault) != after["resources"].pop(vault)  # its address has the new port
        assert after == before
        assert len(second.emulator.world.export()["events"]) == pending
        assert prepare(directory).bundle.read_bytes() == bundle
        _fetch(second, "/emulator/advance", b'{"seconds": 86400}', "POST")
        assert second.emulator.world.now == again.now


def test_restored_world_goes_on_as_the_first_would_have(tmp_path: Path) -> None:
    one = Emulator(scenario.build("pooled", {"hosts": 3}))
    one.world.advance(one.world.now + 3600)
    save(one.world, tmp_path / "state")
    two = Emulator(load(tmp_path / "state"))
    for emulator in (one, two):
        emulator.world.advance(emulator.world.now + 86400)
    assert one.world.sections["session_events"] == two.world.sections["session_events"]
    assert one.world.guid() == two.world.guid()


def test_state_file_of_something_else_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_bytes(b"cposix\nsystem\n(S'touch " + str(tmp_path / "ran").encode() + b"'\ntR.")
    with pytest.raises(StateError, match="delete it"):
        load(path)
    assert not (tmp_path / "ran").exists()


def test_saver_writes_when_something_changed_and_not_otherwise(tmp_path: Path) -> None:
    world = scenario.build("pooled", {"hosts": 1})
    saver = Saver(tmp_path / "state", every=0.0)
    saver.poll(world)
    saver.finish(world)
    (tmp_path / "state").unlink()
    saver.poll(world)
    assert not (tmp_path / "state").exists()
    saver.changed()
    saver.poll(world)
    world.resources.clear()  # the child wrote what there was when it was forked
    os.waitpid(-1, 0)
    assert load(tmp_path / "state").resources


def test_command_writes_the_environment_when_ready_and_stops_on_a_signal(tmp_path: Path) -> None:
    environment, project = tmp_path / "environment", Path(__file__).parents[3]
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "emulator", "--scenario", "pooled", "--hosts", "2", "--speed", "50"),
            *("--state", str(tmp_path / "state"), "--environment-file", str(environment)),
            *("--directory", os.path.relpath(tmp_path, project)),
        ],
        stdout=subprocess.PIPE,
        text=True,
        cwd=project,
    )
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first.startswith("# emulator ready at https://localhost:")
        line = process.stdout.readline()
        assert line.startswith("export ARM_METADATA_HOSTNAME='localhost:")
        rest = [process.stdout.readline() for _ in range(14)]
        assert environment.read_text() == line + "".join(rest)
        assert f"export SSL_CERT_FILE='{tmp_path.resolve()}/ca-bundle.pem'\n" in rest
    finally:
        process.terminate()
        assert process.wait() == 0
        if process.stdout is not None:
            process.stdout.close()
    assert len(load(tmp_path / "state").resources) > 20


def test_export_lines_are_quoted() -> None:
    assert export_lines({"A": "b c"}) == "export A='b c'\n"
