"""`python -m demo.scale_set`: a scale set by `pulumi up`: an upgrade, a bad image that rolls back, and deferral.

Azure upgrades the instances by itself; the stack declares how, and watches it with the real Pulumi CLI. Exit code 0
only if each command ended as told and the emulator's own state shows which version each instance runs, that no batch
was larger than declared, that the bad image's instances have their former disks, and that no call was outside the
roles.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from demo.emulated_azure import EmulatedAzure, running
from demo.pulumi_cli import PROJECT, Pulumi
from demo.story import NotAsTold, console, expect, play, said, stack, verdict

GROUP = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/avd"
SET = f"{GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/web"
IMAGE = f"{GROUP}/providers/Microsoft.Compute/galleries/images/images/web"
INSTANCES, MAX_BATCH = 10, 2
OLD, GOOD, BAD, MENDED = "1.0.0", "1.0.1", "1.0.2", "1.0.3"
BROKEN = {
    "rules": [
        {"id": "bad image", "effect": {"type": "guest", "image": f"/versions/{re.escape(BAD)}$", "fault": "unhealthy"}}
    ]
}
TOLD = re.compile(
    r"attempt 1 [^;]*?instances to [\d.]+|web_\d+ done, out for \d+ min \(\d+ of \d+\)|"
    r"web_\d+ rolled back: [^.]*|Azure begins by itself to roll out [\d.]+|approved the upgrade of [\d, ]+|"
    r"error: scale set web: .*?To do: [^.]*[.]|scale set web: \d+ of \d+ run [^\"]*?declare approve: all"
)
"""What is shown of the CLI's output."""


@dataclass
class Story:
    """The stack, the emulator, and what was found out."""

    azure: EmulatedAzure
    pulumi: Pulumi
    verdict: list[tuple[str, bool]] = field(default_factory=list)

    def run(self, *arguments: str, fails: bool = False, says: str = "") -> None:
        """Run a command of the CLI and show what it says of the scale set. Raises NotAsTold."""
        console.print(f"\n$ pulumi {' '.join(arguments)}", markup=False)
        done = self.pulumi.run(*arguments)
        self._shown(said(done))
        expect(done, arguments[0], fails=fails, says=says)

    def hostpool(self, *arguments: str) -> str:
        """Run `hostpool` on the scale set, as the updater. Raises NotAsTold."""
        console.print(f"\n$ hostpool {' '.join(arguments)}", markup=False)
        command = [sys.executable, "-c", "from hostpool.main import main; main()", *arguments]
        variables = {**self.pulumi.environment, "HOSTPOOL_ID": SET}
        done = subprocess.run(command, env=variables, capture_output=True, text=True)
        console.print(
            "\n".join(f"    {line.rstrip()}" for line in done.stdout.splitlines()), markup=False, soft_wrap=True
        )
        if done.returncode:
            raise NotAsTold(f"hostpool {arguments[0]}: exit code {done.returncode}\n{done.stderr}")
        return done.stdout

    def set(self, key: str, value: str) -> None:
        console.print(f"\n$ pulumi config set {key} {value}", markup=False)
        self.pulumi.set(key, value)

    def publish(self, version: str, **profile: bool) -> None:
        how = "excluded from latest" if profile.get("excludeFromLatest") else "published"
        console.print(f"\n... version {version} of the image is {how}")
        self.azure.post("image-versions", {"image": IMAGE, "version": version, **profile})

    def scale_set(self) -> dict[str, Any]:
        """What the emulator says of it."""
        found: dict[str, Any] = self.azure.get("scale-sets")["scaleSets"][SET]
        return found

    def versions(self) -> dict[str, int]:
        return dict(Counter(each["image"] for each in self.scale_set()["instances"]))

    def disks(self) -> dict[str, str]:
        """Name of each instance's OS disk."""
        resources = self.azure.get("state")["resources"]
        start = f"{SET.lower()}/virtualmachines/"
        found = {key.removeprefix(start): body for key, body in resources.items() if key.startswith(start)}
        return {
            key: body["properties"]["storageProfile"]["osDisk"]["name"] for key, body in found.items() if "/" not in key
        }

    def found(self, title: str, yes: bool) -> None:
        self.verdict.append((title, yes))

    def _shown(self, told: str) -> None:
        for line in dict.fromkeys(re.findall(TOLD, told)):
            console.print(f"    {line}", markup=False, soft_wrap=True)


def main() -> int:
    """Run the demo; the exit code is the verdict."""
    return play("scale-set", __doc__, 150.0, _told)


def _told(folder: Path, speed: float) -> bool:
    with _story(folder, speed) as story:
        tell(story)
        return verdict(story.verdict)


def tell(story: Story) -> None:
    """The story from start to end."""
    console.rule(f"1. {INSTANCES} instances on {OLD}: declare that Azure upgrades them by itself")
    story.run("up", "--yes", "--skip-preview")
    story.found(f"nothing was upgraded while {OLD} was the latest", story.versions() == {OLD: INSTANCES})
    _upgrade(story)
    _bad_image(story)
    _deferral(story)
    calls = [c for c in story.azure.requests_since(0) if c["principal"] == story.azure.variables["HOSTPOOL_CLIENT_ID"]]
    story.found("every call of the updater was allowed by its roles", all(call["status"] != 403 for call in calls))


def _upgrade(story: Story) -> None:
    console.rule(f"2. {GOOD}: Azure begins within the hour, batch after batch, and the stack watches")
    story.publish(GOOD)
    story.run("up", "--yes", "--skip-preview", says=f"instances to {GOOD}")
    upgrade = story.scale_set()["upgrades"][-1]
    story.found(f"every instance runs {GOOD}", story.versions() == {GOOD: INSTANCES})
    story.found("Azure began it by itself", (upgrade["startedBy"], upgrade["code"]) == ("Platform", "Completed"))
    batches = [event["instances"] for event in upgrade["log"] if event["event"] == "batch"]
    story.found("max_batch_instance_percent was kept", bool(batches) and max(map(len, batches)) <= MAX_BATCH)


def _bad_image(story: Story) -> None:
    console.rule(f"3. {BAD} is bad: its first batch gets the former disks back, and Azure stops")
    before = story.disks()
    story.azure.post("faults", BROKEN)
    story.publish(BAD)
    story.run("up", "--yes", "--skip-preview", fails=True, says="MaxUnhealthyUpgradedInstancePercentExceeded")
    upgrade = story.scale_set()["upgrades"][-1]
    batches = [event for event in upgrade["log"] if event["event"] == "batch"]
    story.found("the bad image was stopped after its first batch", upgrade["code"] == "Faulted" and len(batches) == 1)
    story.found(f"every instance runs {GOOD} again, on the disk it had", story.disks() == before)
    story.hostpool("history")


def _deferral(story: Story) -> None:
    console.rule(f"4. {MENDED}, with deferral: nothing happens to an instance before somebody approves it")
    story.publish(BAD, excludeFromLatest=True)
    story.set("deferral", "true")
    story.run("up", "--yes", "--skip-preview")
    story.publish(MENDED)
    story.run("up", "--yes", "--skip-preview", says="approval of the upgrade of")
    story.found("without approval nothing was upgraded", story.versions() == {GOOD: INSTANCES})
    story.found("the run ended as waiting, and did not fail", story.pulumi.outputs()["status"] == "waiting")
    story.hostpool("upgrade", "approve", "0", "3")
    deadline = time.monotonic() + 120
    while story.versions().get(MENDED) != 2 and time.monotonic() < deadline:
        time.sleep(0.5)
    images = {each["instanceId"]: each["image"] for each in story.scale_set()["instances"]}
    approved = {number for number, image in images.items() if image == MENDED}
    story.found("what was approved was upgraded, and nothing else", approved == {"0", "3"})
    story.set("approve", "all")
    story.run("up", "--yes", "--skip-preview", says="approved the upgrade of")
    story.found(f"every instance runs {MENDED}", story.versions() == {MENDED: INSTANCES})
    story.hostpool("status")


@contextmanager
def _story(folder: Path, speed: float) -> Iterator[Story]:
    options: dict[str, str | bool] = {"instances": str(INSTANCES), "latency": False}
    log = folder / "emulator.log"
    with running(folder, speed=speed, hosts=1, log=log, scenario="scale-set", **options) as azure:
        updater = azure.variables["HOSTPOOL_PRINCIPAL_ID"]
        config = {"scale_set_id": SET, "image": IMAGE, "updater_principal_id": updater}
        values = {f"scale-set:{name}": value for name, value in config.items()}
        yield Story(azure, stack(folder, azure, "scale-set", PROJECT / "demo" / "scale_set_stack", values))


if __name__ == "__main__":
    sys.exit(main())
