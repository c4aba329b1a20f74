"""`python -m demo.promotion`: a version goes from dev over test to prod, and a bad one is stopped in test.

Three stacks in one file backend, three emulated pools. prod and test declare no version: each gets that of the stack
before it. Exit code 0 only if every command ended as told and the emulator's own state shows which pool runs what.
"""

from __future__ import annotations

import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from demo.emulated_azure import EmulatedAzure, environment, running
from demo.pulumi_cli import PROJECT, Pulumi
from demo.story import NATIVE_STAND_IN, NotAsTold, console, expect, play, said

SUBSCRIPTION = "/subscriptions/11111111-1111-1111-1111-111111111111"
GROUP = f"{SUBSCRIPTION}/resourceGroups/avd"
SUBNET = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/avd-vnet/subnets/hosts"
POOLS = {"dev": "hp1", "test": "hp2", "prod": "hp3"}
HOSTS = {"dev": ("vm-0", "vm-1"), "test": ("vm-2", "vm-3"), "prod": ("vm-4", "vm-5")}
HOST_GROUPS = {"dev": GROUP, "test": f"{GROUP}-hosts-2", "prod": f"{GROUP}-hosts-3"}
SOAK = 3600.0
"""Emulated seconds that a version must have run in test before it comes to prod."""
GOOD, BAD = "1.0.1", "1.0.2"
BAD_IN_TEST = {
    "seed": 1,
    "rules": [
        {
            "id": "bad image",
            "effect": {"type": "guest", "host": "vm-[23]", "image": BAD, "fault": "never_registers", "seconds": 600},
        }
    ],
}
"""The agent of version 1.0.2 never comes up on the hosts of test."""
TOLD = re.compile(
    r"not promoted: .*?(?= pulumi:| Outputs:| Resources:|$)|"
    r"vm-\d : \"[^\"]*\"|error: pool .*?; see|canary failed: vm-\d"
)
"""What is shown of the CLI's output."""


@dataclass(frozen=True)
class Story:
    """The three stacks and the emulator."""

    azure: EmulatedAzure
    stacks: dict[str, Pulumi]
    speed: float

    def run(self, stack: str, *arguments: str, fails: bool = False, says: str = "") -> None:
        """Run a command of the CLI and show what it says of the update. Raises NotAsTold."""
        console.print(f"\n$ pulumi {' '.join(arguments)} --stack {stack}", markup=False)
        done = self.stacks[stack].run(*arguments)
        told = said(done)
        for line in dict.fromkeys(re.findall(TOLD, told)):
            console.print(f"    {line}", markup=False, soft_wrap=True)
        expect(done, f"{arguments[0]} of {stack}", fails=fails, says=says)

    def release(self, stack: str, version: str) -> None:
        console.print(f"\n$ pulumi config set image_version {version} --stack {stack}", markup=False)
        self.stacks[stack].set("image_version", version)

    def soak(self) -> None:
        console.print(f"\n... {SOAK / 3600:g} emulated hour passes")
        time.sleep(SOAK / self.speed + 1)

    def versions(self) -> dict[str, set[str]]:
        """The versions that the guests of each pool really run."""
        state: dict[str, Any] = self.azure.get("state")
        vms = {body["name"]: body["properties"]["vmId"] for key, body in state["resources"].items() if _is_vm(key)}
        return {
            stack: {str(state["guests"][vms[name]]["imageVersionId"]).rsplit("/", 1)[-1] for name in names}
            for stack, names in HOSTS.items()
        }

    def check(self, **expected: str) -> None:
        """Which version each pool runs. Raises NotAsTold."""
        found = self.versions()
        told = ", ".join(f"{stack} {' and '.join(sorted(versions))}" for stack, versions in found.items())
        console.print(f"    the emulator: {told}")
        if found != {stack: {version} for stack, version in expected.items()}:
            raise NotAsTold(f"expected {expected}, found {found}")


def main() -> int:
    """Run the demo; the exit code is the verdict."""
    return play("promotion", __doc__, 240.0, _told)


def _told(folder: Path, speed: float) -> bool:
    options = {"pools": "3", "users": "6"}
    with running(folder, speed=speed, hosts=6, log=folder / "emulator.log", **options) as azure:
        tell(Story(azure, stacks(folder, azure), speed))
    console.rule("1.0.1 went from dev to prod; 1.0.2 was stopped in test, and prod never saw it")
    return True


def tell(story: Story) -> None:
    """The story from start to end."""
    console.rule("1. three pools on 1.0.0")
    for stack in POOLS:
        story.run(stack, "up", "--yes", "--skip-preview")
    story.check(dev="1.0.0", test="1.0.0", prod="1.0.0")

    console.rule(f"2. {GOOD} in dev, then in test")
    story.release("dev", GOOD)
    story.run("dev", "up", "--yes", "--skip-preview")
    story.run("prod", "preview", "--diff", says="not promoted: no rollout has run in test yet")
    story.run("test", "up", "--yes", "--skip-preview")
    story.check(dev=GOOD, test=GOOD, prod="1.0.0")

    console.rule("3. prod waits until it has proven itself in test")
    story.run("prod", "up", "--yes", "--skip-preview", says=f"not promoted: {GOOD} is in test since")
    story.check(dev=GOOD, test=GOOD, prod="1.0.0")
    story.soak()
    story.run("prod", "preview", "--diff", says=f"1.0.0 -> {GOOD}")
    story.run("prod", "up", "--yes", "--skip-preview")
    story.check(dev=GOOD, test=GOOD, prod=GOOD)

    console.rule(f"4. {BAD} works in dev, is stopped in test, and does not reach prod")
    story.azure.post("faults", BAD_IN_TEST)
    story.release("dev", BAD)
    story.run("dev", "up", "--yes", "--skip-preview")
    story.run("test", "up", "--yes", "--skip-preview", fails=True, says="of 2 hosts failed")
    story.soak()
    story.run(
        "prod", "up", "--yes", "--skip-preview", says=f"not promoted: {BAD} was stopped in test; 1 host failed there"
    )
    story.check(dev=BAD, test=GOOD, prod=GOOD)


def stacks(folder: Path, azure: EmulatedAzure) -> dict[str, Pulumi]:
    """The stacks, made from that of the emulator; nothing is deployed yet."""
    template = yaml.safe_load((PROJECT / "stacks" / "Pulumi.emulator.yaml").read_text())["config"]
    made = {}
    for stack in POOLS:
        pulumi = Pulumi(folder, environment(azure, NATIVE_STAND_IN), stack)
        (pulumi.program / "stacks" / f"Pulumi.{stack}.yaml").write_text(
            yaml.safe_dump({"config": config(template, stack)})
        )
        pulumi.quiet("stack", "init")
        made[stack] = pulumi
    return made


def config(template: dict[str, Any], stack: str) -> dict[str, Any]:
    """The stack's configuration: dev makes the gallery, test follows dev at once, prod follows test after an hour."""
    prefix = next(iter(template)).partition(":")[0]
    found = {key.removeprefix(f"{prefix}:"): value for key, value in template.items()}
    found["host_pool_id"] = f"{GROUP}/providers/Microsoft.DesktopVirtualization/hostPools/{POOLS[stack]}"
    found["update_role"] = {**found["update_role"], "host_resource_groups": [HOST_GROUPS[stack]]}
    found["update_role"]["subnet_ids"] = [SUBNET]
    found["rollout"] = {
        **found["rollout"],
        "max_unavailable": 1,
        "max_failed": 0,
        "canary": {"hosts": 1, "bake": "PT2M"},
        "drain": {**found["rollout"]["drain"], "deadline": "PT10M", "grace": "PT2M"},
        "verify": {"timeout": "PT40M"},
    }
    if stack == "dev":
        bad = {**found["image_versions"][-1], "version": BAD}
        found["image_versions"] = [*found["image_versions"], bad]
    else:
        for name in ("gallery", "image_definition", "image_versions", "image_version"):
            del found[name]
        found["image"] = f"{GROUP}/providers/Microsoft.Compute/galleries/avd/images/win11"
        before, soak = ("dev", "PT0S") if stack == "test" else ("test", f"PT{SOAK:.0f}S")
        found["promote_from"] = {"stack": before, "soak": soak}
    return {f"{prefix}:{name}": value for name, value in found.items()}


def _is_vm(key: str) -> bool:
    return "/virtualmachines/vm-" in key and key.count("/") == 8


if __name__ == "__main__":
    sys.exit(main())
