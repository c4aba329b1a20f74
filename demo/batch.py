"""`python -m demo.batch`: Batch pools by `pulumi up`: an upgrade that waits for tasks, and a bad image that rolls back.

Pool `frames` is made by the program in demo/batch_pools, the policy of pool `encode`, which exists and has nodes, is
taken over by it. Azure rolls both; nothing here does but waiting. Exit code 0 only if the commands ended as told and
the emulator's own state shows which version each node runs, that no batch was larger than declared, and that no task
was interrupted.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from azure.batch import BatchClient
from azure.batch.models import BatchJobCreateOptions, BatchPoolInfo, BatchPoolResizeOptions, BatchTaskCreateOptions
from azure.identity import ClientSecretCredential

from demo.emulated_azure import EmulatedAzure, running
from demo.pulumi_cli import PROJECT, Pulumi
from demo.story import NotAsTold, console, expect, play, stack, verdict

GROUP = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/avd"
ACCOUNT = f"{GROUP}/providers/Microsoft.Batch/batchAccounts/render"
ENCODE, FRAMES = f"{ACCOUNT}/pools/encode", f"{ACCOUNT}/pools/frames"
IMAGE = f"{GROUP}/providers/Microsoft.Compute/galleries/nodes/images/linux"
NODES, OLD, GOOD, BAD = 6, "1.0.0", "1.0.1", "1.0.2"
LONG, SHORT = 5400, 600
"""Seconds of tasks: two of frames' nodes are busy for long, others work off a queue of short ones."""
MAX_BATCH = 2
"""34 % of six nodes."""
LIMIT = 12 * 3600.0
"""Emulated seconds that anything is waited for."""
BROKEN = {"rules": [{"id": "bad image", "effect": {"type": "guest", "image": BAD, "fault": "never_boots"}}]}
Pool = dict[str, Any]


@dataclass
class Story:
    """The stack, the emulator, and what was found out."""

    azure: EmulatedAzure
    pulumi: Pulumi
    client: BatchClient
    verdict: list[tuple[str, bool]] = field(default_factory=list)
    heard: dict[str, int] = field(default_factory=lambda: {FRAMES: 0, ENCODE: 0})
    """Events of each pool that were told."""

    def run(self, *arguments: str, fails: bool = False, says: str = "") -> str:
        """Run a command of the CLI. Raises NotAsTold."""
        console.print(f"\n$ pulumi {' '.join(arguments)}", markup=False)
        done = self.pulumi.run(*arguments)
        return expect(done, arguments[0], fails=fails, says=says)

    def pool(self, pool_id: str) -> Pool:
        found: Pool = self.azure.get("batch")["pools"][pool_id]
        return found

    def until(self, what: str, done: Callable[[], bool]) -> None:
        """Wait on emulated time, telling what happens to nodes. Raises NotAsTold."""
        began = _now(self.azure)
        while not done():
            self._tell()
            if _now(self.azure) - began > LIMIT:
                raise NotAsTold(f"not within {LIMIT / 3600:g} emulated hours: {what}")
            time.sleep(0.5)
        self._tell()

    def _tell(self) -> None:
        """What has happened to nodes since."""
        pools = self.azure.get("batch")["pools"]
        for pool_id in self.heard:
            pool = pools.get(pool_id, {"nodes": {}, "events": []})
            names = {node: f"node {number}" for number, node in enumerate(pool["nodes"])}
            for event in pool["events"][self.heard[pool_id] :]:
                who = names.get(event.get("node", ""), "upgrade")
                what = f"{event['event']} {event.get('version', '')} {event.get('code', '')}".rstrip()
                name = pool_id.rpartition("/")[2]
                console.print(f"    {event['time'][11:16]} {name:7} {who}: {what}", markup=False, soft_wrap=True)
            self.heard[pool_id] = len(pool["events"])

    def found(self, title: str, yes: bool) -> None:
        self.verdict.append((title, yes))


def main() -> int:
    """Run the demo; the exit code is the verdict."""
    return play("batch", __doc__, 600.0, _told)


def _told(folder: Path, speed: float) -> bool:
    with _story(folder, speed) as story:
        tell(story)
        return verdict(story.verdict)


@contextmanager
def _story(folder: Path, speed: float) -> Iterator[Story]:
    log = folder / "emulator.log"
    with running(folder, speed=speed, hosts=2, log=log, scenario="batch", latency=False) as azure:
        updater = azure.variables["HOSTPOOL_PRINCIPAL_ID"]
        config = {"image": IMAGE, "account_id": ACCOUNT, "updater_principal_id": updater}
        values = {f"batch-pools:{name}": value for name, value in config.items()}
        pulumi = stack(folder, azure, "batch", PROJECT / "demo" / "batch_pools", values)
        with _client(azure) as client:
            yield Story(azure, pulumi, client)


@contextmanager
def _client(azure: EmulatedAzure) -> Iterator[BatchClient]:
    """Whoever works with the pools: the real SDK on the account's endpoint."""
    variables = azure.variables
    credential = ClientSecretCredential(
        variables["ARM_TENANT_ID"],
        variables["ARM_CLIENT_ID"],
        variables["ARM_CLIENT_SECRET"],
        authority=azure.url,
        disable_instance_discovery=True,
        connection_verify=variables["SSL_CERT_FILE"],
    )
    endpoint = f"{azure.url}/batch/render"
    with BatchClient(endpoint, credential, connection_verify=variables["SSL_CERT_FILE"]) as client:
        yield client


def tell(story: Story) -> None:
    """The story from start to end."""
    _declare(story)
    _upgrade(story)
    _bad_image(story)
    _change(story)
    _give_back(story)


def _declare(story: Story) -> None:
    console.rule("1. a pool is made; the policy of another, which has nodes, is refused before anything is written")
    story.run("up", "--yes", "--skip-preview")
    story.pulumi.set("existing_pool_id", ENCODE)
    refused = story.run("preview", fails=True, says="(rule empty-pool, learn.microsoft.com/")
    why = _between(refused, "cannot be changed while", "or replace the pool")
    console.print(f"    {why}", markup=False, soft_wrap=True)
    _resize(story, "encode", 0)
    story.until("encode is empty", lambda: not story.pool(ENCODE)["nodes"])
    told = story.run("preview", "--diff")
    console.print(f"    {_between(told, 'upgradePolicy.mode', chr(34) + ' ')}", markup=False)
    story.run("up", "--yes", "--skip-preview")
    _resize(story, "encode", 2)
    story.until("both pools serve", lambda: _serving(story, FRAMES) == NODES and _serving(story, ENCODE) == 2)
    story.found(
        f"both pools run {OLD}", _versions(story, FRAMES) == {OLD: NODES} and _versions(story, ENCODE) == {OLD: 2}
    )


def _upgrade(story: Story) -> None:
    console.rule(f"2. {GOOD} is published: batch after batch, and nodes that run tasks when they are idle")
    job = BatchJobCreateOptions(id="render", pool_info=BatchPoolInfo(pool_id="frames"))
    story.client.create_job(job)
    seconds = [LONG, LONG, *[SHORT] * 60]
    commands = [f"/bin/sh -c 'sleep {each}'" for each in seconds]
    tasks = [BatchTaskCreateOptions(id=f"t{n}", command_line=command) for n, command in enumerate(commands)]
    story.client.create_tasks("render", tasks)
    _publish(story, GOOD)
    story.until("both pools are through", lambda: _ended(story, FRAMES, GOOD) and _ended(story, ENCODE, GOOD))
    frames = story.pool(FRAMES)
    story.found(
        f"every node runs {GOOD}", _versions(story, FRAMES) == {GOOD: NODES} and _versions(story, ENCODE) == {GOOD: 2}
    )
    story.found(
        "max_batch_instance_percent was kept", all(len(b) <= MAX_BATCH for b in frames["upgrades"][-1]["batches"])
    )
    story.found("nodes with tasks were waited for", len(frames["upgrades"][-1]["deferred"]) >= 2)
    story.found("no task was interrupted", all(task["requeued"] == 0 for task in frames["tasks"].values()))


def _bad_image(story: Story) -> None:
    console.rule(f"3. {BAD} does not boot: stopped after the first batch, and the old disks are back")
    story.azure.post("faults", BROKEN)
    _publish(story, BAD)
    story.until("both pools have stopped", lambda: _ended(story, FRAMES, BAD) and _ended(story, ENCODE, BAD))
    last = story.pool(FRAMES)["upgrades"][-1]
    console.print(f"    {last['error']['message'].splitlines()[0]}", markup=False, soft_wrap=True)
    story.found(
        "the bad image was stopped after the first batch", last["status"] == "Faulted" and len(last["batches"]) == 1
    )
    story.found(
        f"every node runs {GOOD} again",
        _versions(story, FRAMES) == {GOOD: NODES} and _versions(story, ENCODE) == {GOOD: 2},
    )
    story.run("up", "--refresh", "--yes", "--skip-preview")
    seen = story.pulumi.outputs()["rolling_upgrade"]
    console.print(
        f"    rolling_upgrade: {seen['runningStatus']['code']}, {seen['versions']}, latest {seen['latest']}",
        markup=False,
    )
    pending = {
        "successfulInstanceCount": 0,
        "failedInstanceCount": 0,
        "inProgressInstanceCount": 0,
        "pendingInstanceCount": 2,
    }
    story.found("the stack's output says so", seen["progress"] == pending and seen["latest"] == BAD)


def _change(story: Story) -> None:
    console.rule("4. another policy replaces the pool that is made here: the preview says so")
    story.pulumi.set("max_batch", "50")
    told = story.run("preview", "--diff", says="replace")
    console.print(f"    {_between(told, 'maxBatchInstancePercent', '50')}", markup=False)
    story.found("a change of the policy is a replacement", "+-azure-native:batch:Pool" in told)
    story.pulumi.set("max_batch", "34")


def _give_back(story: Story) -> None:
    console.rule("5. pulumi destroy gives encode its own policy back")
    _resize(story, "encode", 0)
    story.until("encode is empty", lambda: not story.pool(ENCODE)["nodes"])
    story.run("destroy", "--yes", "--skip-preview")
    resources = story.azure.get("state")["resources"]
    story.found(
        "encode has its former policy", resources[ENCODE.lower()]["properties"]["upgradePolicy"] == {"mode": "manual"}
    )
    story.found("frames is gone", FRAMES.lower() not in resources)


# -- parts


def _publish(story: Story, version: str) -> None:
    console.print(f"    {version} is published", markup=False)
    story.azure.post("image-versions", {"image": IMAGE, "version": version})


def _resize(story: Story, pool: str, nodes: int) -> None:
    console.print(f"\n$ az batch pool resize --pool-id {pool} --target-dedicated-nodes {nodes}", markup=False)
    story.client.begin_resize_pool(pool, BatchPoolResizeOptions(target_dedicated_nodes=nodes))


def _ended(story: Story, pool_id: str, version: str) -> bool:
    upgrades = story.pool(pool_id)["upgrades"]
    return bool(upgrades) and upgrades[-1]["target"] == version and upgrades[-1]["ended"] is not None


def _serving(story: Story, pool_id: str) -> int:
    pool = story.azure.get("batch")["pools"].get(pool_id, {"nodes": {}})
    return sum(node["state"] in ("idle", "running") for node in pool["nodes"].values())


def _versions(story: Story, pool_id: str) -> dict[str, int]:
    return dict(Counter(node["version"] for node in story.pool(pool_id)["nodes"].values()))


def _now(azure: EmulatedAzure) -> float:
    return datetime.fromisoformat(azure.get("state")["now"].replace("Z", "+00:00")).timestamp()


def _between(text: str, start: str, end: str) -> str:
    """The part of a text from `start` to `end`, both included."""
    at = text.find(start)
    to = text.find(end, at + len(start))
    return text[at : to + len(end)] if at >= 0 and to >= 0 else ""


if __name__ == "__main__":
    sys.exit(main())
