"""An emulated pool in a process of its own, and the stack of the project's program on it, under the real Pulumi CLI."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pulumi_toolchain
import requests

from demo.emulated_azure import EmulatedAzure, running
from demo.pulumi_cli import PROJECT, STACK, Pulumi, command
from demo.verify import Evidence

GROUP = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/avd"
POOL = f"{GROUP}/providers/Microsoft.DesktopVirtualization/hostPools/hp1"
VMS = f"{GROUP}/providers/Microsoft.Compute/virtualMachines"
GALLERY_IMAGE = f"{GROUP}/providers/Microsoft.Compute/galleries/avd/images/win11"
STAND_IN = PROJECT / "emulator" / "native" / "bin"
STACK_FILE = f"stacks/Pulumi.{STACK}.yaml"
TOKEN = "pulumi-python:dynamic/avd:HostPoolImageUpdate"
SPEED = 240.0
"""A lease of ten minutes then lasts 2.5 real seconds, which a machine under load does not lose."""
MAX_UNAVAILABLE = 2
QUICK = {
    "rollout.max_unavailable": str(MAX_UNAVAILABLE),
    "rollout.max_failed": "0",
    "rollout.canary.bake": "PT2M",
    "rollout.drain.deadline": "PT10M",
    "rollout.drain.grace": "PT2M",
    "rollout.drain.allow_data_loss": "true",
    "rollout.verify.timeout": "PT40M",
    "rollout.keep_old_disk": "P30D",
}
"""Configuration that makes a rollout short, stops it at the first failure, and keeps disks for the whole story."""
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_READING_POSTS = ("/retrieveregistrationtoken", "/token")
_BY_ITSELF = (
    "sessions",
    "lastHeartBeat",
    "lastUpdateTime",
    "statusTimestamp",
    "sessionHostHealthCheckResults",
    "instanceView",
)
"""What a pool changes while nobody does anything to it."""

State = dict[str, Any]
Body = dict[str, Any]


@dataclass(frozen=True)
class Act:
    """One command of the CLI, and what the emulator says of before, meanwhile and after."""

    exit_code: int
    output: str
    """Standard output and error, without colours."""
    before: State
    after: State
    requests: tuple[Body, ...]
    """The request log of the time, of both principals."""
    session_events: tuple[Body, ...]
    capacity: tuple[Body, ...]
    updater: str
    """Client id of the principal that has nothing but the custom role."""

    @property
    def writes(self) -> list[str]:
        """`PATCH <path>` of what the updater wrote."""
        return [f"{r['method']} {r['path']}" for r in self.requests if r["principal"] == self.updater and _writes(r)]

    @property
    def all_writes(self) -> list[str]:
        """The same of anybody."""
        return [f"{r['method']} {r['path']}" for r in self.requests if _writes(r)]

    @property
    def refused(self) -> list[str]:
        """Calls that were answered 403, whoever made them. (Key Vault's clients are answered 401 first: it tells them
        where to get a token.)"""
        return [f"{r['method']} {r['path']}: {r['action']}" for r in self.requests if r["status"] == 403]

    def evidence(self, version: str) -> Evidence:
        """What the demo's verdict is made from."""
        return Evidence(
            before=self.before,
            after=self.after,
            version=version,
            updater=self.updater,
            requests=list(self.requests),
            session_events=list(self.session_events),
            capacity=list(self.capacity),
            max_unavailable=MAX_UNAVAILABLE,
        )


@dataclass(frozen=True)
class EmulatedStack:
    """The emulator, and a stack on it."""

    azure: EmulatedAzure
    pulumi: Pulumi
    folder: Path

    def run(self, *arguments: str, **variables: str) -> Act:
        """Run `pulumi <arguments>` to its end, whatever that is; `variables` replace those of the environment."""
        watch = self.watch()
        environment = {**self.pulumi.environment, **variables}
        done = subprocess.run(
            command(*arguments), cwd=self.pulumi.program, env=environment, capture_output=True, text=True
        )
        return watch(done.returncode, done.stdout + done.stderr)

    def elsewhere(self, folder: Path) -> EmulatedStack:
        """The same stack on a machine that knows nothing of the first: another work tree, home and log folder; only the
        saved state and the stack's file are the same."""
        there = Pulumi(folder, self.pulumi.environment)
        own = {"PULUMI_BACKEND_URL": self.pulumi.environment["PULUMI_BACKEND_URL"], "HOME": str(folder)}
        there.environment |= own | {"PULUMI_HOME": str(folder / "pulumi-home")}
        shutil.copy(self.pulumi.program / STACK_FILE, there.program / STACK_FILE)
        return replace(self, pulumi=there, folder=folder)

    def watch(self) -> Callable[[int, str], Act]:
        """Begin to watch; the answer makes an Act of all that happened since."""
        before, first = self.state(), self.last_request()
        events, samples = len(self._session_events()), len(self._capacity())

        def ended(exit_code: int, output: str) -> Act:
            return Act(
                exit_code,
                _COLOURS.sub("", output),
                before,
                self.state(),
                tuple(self.azure.requests_since(first)),
                tuple(self._session_events()[events:]),
                tuple(self._capacity()[samples:]),
                self.azure.variables["HOSTPOOL_CLIENT_ID"],
            )

        return ended

    def begin(self, *arguments: str) -> RunningCli:
        """Start `pulumi <arguments>` and come back at once."""
        output = self.folder / "begun.log"
        with output.open("w") as file:
            process = subprocess.Popen(
                command(*arguments),
                cwd=self.pulumi.program,
                env=self.pulumi.environment,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return RunningCli(process, output)

    def wait_until(self, happened: Callable[[], bool], cli: RunningCli | None = None) -> None:
        """Wait for something that the emulator shows. Fails when the CLI that should do it has ended."""
        while not happened():
            if cli is not None and cli.process.poll() is not None:
                raise AssertionError(f"pulumi ended with {cli.process.returncode}:\n{cli.output.read_text()}")
            time.sleep(0.1)

    def state(self) -> State:
        return dict(self.azure.get("state"))

    def last_request(self) -> int:
        log = self.azure.requests_since(0)
        return int(log[-1]["n"]) if log else 0

    def exported(self) -> Body:
        """The update's resource in the stack's saved state."""
        deployment = json.loads(self.pulumi.quiet("stack", "export"))["deployment"]
        assert not deployment.get("pending_operations")
        return next(dict(item) for item in deployment["resources"] if item["type"] == TOKEN)

    def pool_tags(self) -> dict[str, str]:
        return dict(self.state()["resources"][POOL.lower()].get("tags") or {})

    def arm(self, method: str, resource_id: str, body: Body | None = None, *, api_version: str = "2024-11-01") -> Body:
        """One call of ARM as the deployer, waited for until it took effect."""
        variables, ca = self.azure.variables, self.azure.variables["SSL_CERT_FILE"]
        login = {
            "grant_type": "client_credentials",
            "client_id": variables["ARM_CLIENT_ID"],
            "client_secret": variables["ARM_CLIENT_SECRET"],
            "scope": "https://management.azure.com/.default",
        }
        token_url = f"{self.azure.url}/{variables['ARM_TENANT_ID']}/oauth2/v2.0/token"
        token = requests.post(token_url, data=login, verify=ca, timeout=60).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        url = f"{self.azure.url}{resource_id}"
        query = {"api-version": api_version}
        answer = requests.request(method, url, params=query, json=body, headers=headers, verify=ca, timeout=60)
        answer.raise_for_status()
        operation = answer.headers.get("Azure-AsyncOperation")
        while operation:
            status = requests.get(operation, headers=headers, verify=ca, timeout=60).json()["status"]
            if status not in ("InProgress", "Running"):
                assert status == "Succeeded", status
                break
            time.sleep(0.05)
        return dict(answer.json()) if answer.content else {}

    def _capacity(self) -> list[Body]:
        return list(self.azure.get("capacity", hostPool=POOL)["samples"])

    def _session_events(self) -> list[Body]:
        return list(self.azure.get("session-events", hostPool=POOL)["events"])


@dataclass(frozen=True)
class RunningCli:
    """`pulumi` at work. Its plugins and the program are processes below it, in process groups of their own."""

    process: subprocess.Popen[bytes]
    output: Path

    def tree(self) -> dict[int, str]:
        """The CLI and all processes below it: command lines by process id."""
        listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True)
        rows = [line.split(None, 2) for line in listed.stdout.splitlines()]
        found = {self.process.pid: "pulumi"}
        for pid in (todo := [self.process.pid]):
            below = {int(child): args for child, parent, args in rows if int(parent) == pid}
            found |= below
            todo += below
        return found

    def providers(self) -> list[int]:
        """Process ids of the dynamic provider; none before the CLI has started it."""
        return [pid for pid, args in self.tree().items() if "-m pulumi.dynamic" in args]

    def kill(self) -> dict[int, str]:
        """SIGKILL to the CLI alone; gives the processes that were below it."""
        below = self.tree()
        del below[self.process.pid]
        self.process.kill()
        self.process.wait()
        return below

    def kill_all(self) -> None:
        """SIGKILL to the CLI and all below it at once, as when a runner's machine goes away."""
        kill(self.tree())
        self.process.wait()


def kill(pids: Iterable[int]) -> None:
    """SIGKILL to processes, of which some may have ended."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def lives(pid: int) -> bool:
    """Whether the process runs: one that has ended may be listed until somebody asks for its exit code."""
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    return bool(shown) and not shown.startswith("Z")


def _writes(request: Body) -> bool:
    return request["method"] != "GET" and not request["path"].lower().endswith(_READING_POSTS)


def lasting(state: State, *kinds: str) -> State:
    """The resources of a state without what changes by itself; of some types only, where they are named."""
    return {
        key: _lasting(body)
        for key, body in state["resources"].items()
        if not kinds or str(body.get("type", "")).lower() in kinds
    }


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lasting(item) for key, item in value.items() if key not in _BY_ITSELF}
    return [_lasting(item) for item in value] if isinstance(value, list) else value


def public_texts(stack: EmulatedStack, *acts: Act) -> dict[str, str]:
    """All that a stack leaves and shows, by where it is: program, state with history and checkpoints, event logs and
    reports, the CLI's verbose log and output, the emulator's log and request log, bodies and tags of all resources."""
    parts = ("program", "state", "log", "verbose", "emulator.log")
    kept = [path for part in parts for path in [stack.folder / part, *(stack.folder / part).rglob("*")]]
    texts = {str(path): path.read_bytes().decode(errors="replace") for path in kept if path.is_file()}
    # The emulator's first lines say what to export, the made-up credentials of its tenant among it.
    log = str(stack.folder / "emulator.log")
    texts[log] = "\n".join(line for line in texts[log].splitlines() if not line.startswith("export "))
    for number, act in enumerate(acts):
        texts[f"output {number}"] = act.output
        texts[f"requests {number}"] = json.dumps(act.requests)
        # The pool's own body has the place that Azure made for its token.
        resources = {key: body for key, body in act.after["resources"].items() if key != POOL.lower()}
        texts[f"resources {number}"] = json.dumps(resources)
        texts[f"tags {number}"] = json.dumps([body.get("tags") for body in act.after["resources"].values()])
    return texts


def secrets_in(stack: EmulatedStack, texts: Mapping[str, str]) -> list[tuple[str, str]]:
    """Where which secret is: those of the vault, of both principals, the pool's token, and any access token (a JWT, of
    which nothing else here is one)."""
    answer = stack.arm("POST", f"{POOL}/retrieveRegistrationToken", api_version="2024-04-03")
    secrets = ("J0in-the-domain!", "L0cal-Admin-Passw0rd!", "updater-secret", "deployer-secret", str(answer["token"]))
    found = [(where, secret) for where, text in texts.items() for secret in secrets if secret in text]
    return found + [(where, "a JWT") for where, text in texts.items() if re.search(r"eyJ[\w-]{20,}\.", text)]


def os_disks(state: State) -> dict[str, str]:
    """Name of the attached OS disk by VM name."""
    prefix = f"{VMS}/".lower()
    return {
        body["name"]: body["properties"]["storageProfile"]["osDisk"]["name"]
        for key, body in state["resources"].items()
        if key.startswith(prefix) and "/" not in key.removeprefix(prefix)
    }


def versions(state: State) -> dict[str, str]:
    """The image version that the guest of each VM runs, by VM name."""
    found = {}
    for name in os_disks(state):
        guest = state["guests"][state["resources"][f"{VMS}/{name}".lower()]["properties"]["vmId"]]
        found[name] = str(guest["imageVersionId"]).rsplit("/", 1)[-1]
    return found


def session_hosts(state: State) -> dict[str, Body]:
    """Properties of the session-host records by VM name."""
    kind = "microsoft.desktopvirtualization/hostpools/sessionhosts"
    records = [body for body in state["resources"].values() if str(body.get("type", "")).lower() == kind]
    return {body["name"].rpartition("/")[2].partition(".")[0]: body["properties"] for body in records}


@contextmanager
def emulated_stack(folder: Path, *, hosts: int = 3, speed: float = SPEED, **options: str) -> Iterator[EmulatedStack]:
    """A pool of `hosts` with few users, and a stack that nothing was deployed of yet."""
    options.setdefault("users", "3")
    with running(folder, speed=speed, hosts=hosts, log=folder / "emulator.log", **options) as azure:
        variables = pulumi_toolchain.environment(pulumi_toolchain.ensure(os.environ), os.environ)
        inherited = {k: v for k, v in variables.items() if not k.startswith(("ARM_", "AZURE_", "HOSTPOOL_"))}
        path = f"{STAND_IN}{os.pathsep}{inherited['PATH']}"
        pulumi = Pulumi(folder, {**inherited, **azure.variables, "PATH": path})
        stack = EmulatedStack(azure, pulumi, folder)
        pulumi.quiet("stack", "init")
        given = [f"--plaintext={key}={value}" for key, value in QUICK.items()]
        pulumi.quiet("config", "set-all", "--path", *given)
        yield stack
