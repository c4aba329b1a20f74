"""How far a pool's nodes are, in the shape of a scale set's `rollingUpgrades/latest`. Batch has no such call: it is put
together from the nodes' states, their images and what they run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from os_upgrades.progress import COMPLETED, FAULTED, ROLLING_FORWARD, Counts
from rollout.arm import dig
from rollout.azure import Body

PENDING = "Pending"
"""Beside Azure's codes: a version is there, and no node is being upgraded."""

UPGRADING = ("upgradingos", "reimaging", "rebooting")
"""States of a node whose OS disk may be in exchange: `rebooting` where the pool does not defer."""
BROKEN = ("unusable", "unknown", "starttaskfailed")


@dataclass(frozen=True)
class BatchNode:
    """A node, as the data plane shows it."""

    id: str
    state: str
    version: str
    """Of the image that it runs; empty where Batch does not say."""
    tasks: int
    """Tasks that run on it."""
    error: str = ""


@dataclass(frozen=True)
class Progress:
    """Progress of the nodes towards the version that `latest` stands for now."""

    code: str
    """RollingForward; Completed (all nodes run the version); Faulted (a node is broken, and none is being upgraded);
    Pending."""
    target: str
    """The version that `latest` stands for; empty where it is not known."""
    counts: Counts
    waits_for: tuple[BatchNode, ...]
    """Nodes that run tasks and another version: their upgrade is deferred until they are idle."""
    broken: tuple[BatchNode, ...]
    versions: dict[str, int]
    """Nodes by the version that they run."""
    states: dict[str, int]
    """Nodes by their state."""

    @property
    def body(self) -> Body:
        """As `rollingUpgrades/latest` has it: `runningStatus` and `progress`, and the nodes beside them."""
        return {
            "runningStatus": {"code": self.code},
            "progress": self.counts.body(),
            "latest": self.target,
            "versions": dict(self.versions),
            "states": dict(self.states),
            "waitsFor": {node.id: node.tasks for node in self.waits_for},
            "errors": {node.id: node.error or node.state for node in self.broken},
        }

    def __str__(self) -> str:
        """`1.0.1: 3 of 6 nodes, 2 upgrading, 1 runs tasks`."""
        counts = self.counts
        parts = [f"{self.target or 'latest'}: {counts.successful} of {counts.total} node(s)"]
        parts += [f"{counts.in_progress} upgrading"] if counts.in_progress else []
        parts += [f"{counts.failed} broken"] if counts.failed else []
        parts += [f"{len(self.waits_for)} waited for while they run tasks"] if self.waits_for else []
        return ", ".join(parts)


def nodes_of(bodies: Sequence[Body]) -> tuple[BatchNode, ...]:
    """Nodes of the data plane's answers."""
    return tuple(
        BatchNode(
            str(body["id"]),
            str(body.get("state") or "").lower(),
            str(dig(body, "virtualMachineInfo", "imageReference", "exactVersion") or ""),
            int(body.get("runningTasksCount") or 0),
            "; ".join(str(error.get("message") or error.get("code")) for error in body.get("errors") or ()),
        )
        for body in bodies
    )


def progress(nodes: Sequence[BatchNode], target: str) -> Progress:
    """Where the nodes stand. A node of no known version counts as pending, unless it is upgraded or broken."""
    staying = [node for node in nodes if node.state != "leavingpool"]
    upgrading = [node for node in staying if node.state in UPGRADING]
    broken = [node for node in staying if node.state in BROKEN]
    others = [node for node in staying if node not in upgrading and node not in broken]
    done = [node for node in others if target and node.version == target]
    waiting = [node for node in others if node not in done]
    if upgrading:
        code = ROLLING_FORWARD
    elif broken:
        code = FAULTED
    else:
        code = PENDING if waiting else COMPLETED
    return Progress(
        code,
        target,
        Counts(len(done), len(broken), len(upgrading), len(waiting)),
        tuple(node for node in waiting if node.tasks),
        tuple(broken),
        dict(Counter(node.version or "unknown" for node in staying)),
        dict(Counter(node.state for node in staying)),
    )
