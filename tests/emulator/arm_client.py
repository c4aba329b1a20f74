"""A client that calls the emulator in process as one of two principals, without tokens."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

from emulator.app import Emulator
from emulator.authorization import assignments, roles
from emulator.resources import groups, subscriptions
from emulator.wire import Headers, Principal, Request, Response
from emulator.world import World

SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"
SCOPE = f"/subscriptions/{SUBSCRIPTION}"
GROUP = f"{SCOPE}/resourceGroups/rg1"
COMPUTE = f"{GROUP}/providers/Microsoft.Compute"
NETWORK = f"{GROUP}/providers/Microsoft.Network"
LOCATION = "westeurope"
BASE = "https://localhost:8443"
START = 1_768_248_000.0
"""2026-01-12T20:00:00Z."""

OWNER = Principal("aaaaaaaa-0000-4000-8000-000000000001", "aaaaaaaa-0000-4000-8000-00000000000a", "owner")
GUEST = Principal("bbbbbbbb-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-00000000000b", "guest")

VERSIONS = {
    "microsoft.compute/disks": "2024-03-02",
    "microsoft.compute/snapshots": "2024-03-02",
    "microsoft.compute/galleries": "2024-03-03",
    "microsoft.compute/skus": "2021-07-01",
    "microsoft.compute": "2024-07-01",
    "microsoft.network": "2024-01-01",
    "microsoft.authorization/locks": "2020-05-01",
    "microsoft.authorization": "2022-04-01",
    "microsoft.keyvault": "2023-07-01",
    "microsoft.batch": "2024-07-01",
    "microsoft.desktopvirtualization": "2024-04-03",
}


class Client:
    """One world with a subscription, the group `rg1`, and two principals: `owner` (Owner) and `guest` (no role)."""

    def __init__(self, **settings: Any) -> None:
        self.world = World(now=START, seed=1)
        self.world.sections["settings"] = {
            "latency": False,
            "throttling": False,
            "subscription": SUBSCRIPTION,
            **settings,
        }
        self.emulator = Emulator(self.world)
        subscriptions.add(self.world, SUBSCRIPTION)
        groups.add(self.world, SUBSCRIPTION, "rg1", LOCATION)
        self.world.sections["principals"] = {
            p.client_id: {"object_id": p.object_id, "client_id": p.client_id, "name": p.name, "secret": "x"}
            for p in (OWNER, GUEST)
        }
        assignments.grant(self.world, OWNER.object_id, roles.OWNER, SCOPE)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        who: Principal = OWNER,
        version: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Response:
        """A request; `path` may be a whole URL of an answer's header, which is then called verbatim."""
        parts = urlsplit(path if "://" in path else BASE + path)
        query = {name.lower(): value for name, value in parse_qsl(parts.query, keep_blank_values=True)}
        if version is None:
            kind = parts.path.lower().rpartition("/providers/")[2]
            version = next((v for name, v in VERSIONS.items() if kind.startswith(name)), "2022-09-01")
        if version:
            query.setdefault("api-version", version)
        return self.emulator.handle(
            Request(method, parts.path, query, Headers(headers), body, principal=who, base_url=BASE)
        )

    def get(self, path: str, **options: Any) -> Response:
        return self.call("GET", path, **options)

    def put(self, path: str, body: Any, **options: Any) -> Response:
        return self.call("PUT", path, body, **options)

    def delete(self, path: str, **options: Any) -> Response:
        return self.call("DELETE", path, **options)

    def wait(self, seconds: float) -> None:
        """Let emulated time pass."""
        self.world.advance(self.world.now + seconds)

    def finish(self, response: Response) -> Any:
        """Poll an operation to its end as a client would; the last status body."""
        url = response.headers.find("Azure-AsyncOperation")
        assert url is not None, response
        for _ in range(200):
            status = self.get(url).body
            if status["status"] != "InProgress":
                return status
            self.wait(15)
        raise AssertionError("the operation does not end")

    def made(self, path: str, body: Any) -> dict[str, Any]:
        """PUT, wait for the end, and the resource as GET shows it then."""
        response = self.put(path, body)
        assert response.status in (200, 201, 202), (response.status, response.body)
        if response.headers.find("Azure-AsyncOperation"):
            assert self.finish(response)["status"] == "Succeeded"
        found: dict[str, Any] = self.get(path).body
        return found


def code(response: Response) -> str:
    """The error code of an answer."""
    return str(response.body["error"]["code"])


def message(response: Response) -> str:
    return str(response.body["error"]["message"])
