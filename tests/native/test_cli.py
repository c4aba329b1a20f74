"""The stand-in under the real Pulumi CLI, against the emulator over HTTPS: the story of one stack. Each fixture is one
command of the CLI, each test a look at what it left behind."""

from __future__ import annotations

import copy
import json
import re
import ssl
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from emulator.server import Running
from tests.support.emulator import as_deployer, served
from tests.support.pulumi_cli import Cli, cli

GROUP = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/avd"
GALLERY = f"{GROUP}/providers/Microsoft.Compute/galleries/avd"
DEFINITION = f"{GALLERY}/images/win11"
VERSION = f"{DEFINITION}/versions/1.0.0"
POOL = f"{GROUP}/providers/Microsoft.DesktopVirtualization/hostPools/hp2"
POOL_TOKEN = "azure-native:desktopvirtualization:HostPool"
SECRET = "not for everyone"

IMPORTS = """
import pulumi
from components import *

config = pulumi.Config()
"""
MAKES_A_GALLERY = f"""
source = ImageSource(managed_image_id="{GROUP}/providers/Microsoft.Compute/images/win11-1.0.0")
versions = [ImageVersionArgs("1.0.0", source)]
image = ImageDefinitionArgs("win11", "Contoso", "avd", config.get("sku") or "win11", versions=versions)
gallery = ImageGalleryArgs("westeurope", [image], resource_group_name="avd", gallery_name="avd")
pulumi.export("version", ImageGallery("images", gallery).version_ids["win11/1.0.0"])
"""
MAKES_A_POOL = """
HostPool("pool", HostPoolArgs("avd", "hp2", "westeurope", 16, description=config.get_secret("description")))
"""
FAILING_REPLICATION = {
    "id": "replication",
    "method": "PUT",
    "path": "versions/1.0.0",
    "nth": [1],
    "effect": {"type": "operation", "outcome": "fail", "code": "InternalExecutionError"},
}


@dataclass(frozen=True)
class Step:
    """What a command left behind."""

    shown: str
    azure: dict[str, dict[str, Any]]
    """Bodies of all resources by lower-case id."""
    state: list[dict[str, Any]]
    """Resources of the stack's state."""

    def of_type(self, suffix: str) -> dict[str, Any]:
        [found] = [resource for resource in self.state if resource["type"].endswith(suffix)]
        return found


def bodies(server: Running) -> dict[str, dict[str, Any]]:
    return {key: copy.deepcopy(found.body) for key, found in server.server.emulator.world.resources.items()}


def set_faults(pulumi: Cli, *rules: dict[str, Any]) -> None:
    url = f"https://{pulumi.environment['ARM_METADATA_HOSTNAME']}/emulator/faults"
    request = urllib.request.Request(
        url, json.dumps({"seed": 1, "rules": list(rules)}).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    context = ssl.create_default_context(cafile=pulumi.environment["SSL_CERT_FILE"])
    with urllib.request.urlopen(request, context=context) as answer:
        assert answer.status == 200


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with served(tmp_path_factory.mktemp("emulator"), hosts=1, speed=3000.0) as running:
        yield running


@pytest.fixture(scope="module")
def pulumi(tmp_path_factory: pytest.TempPathFactory, server: Running) -> Cli:
    program = tmp_path_factory.mktemp("program")
    (program / "Pulumi.yaml").write_text("name: pictures\nruntime: python\n")
    (program / "__main__.py").write_text(IMPORTS + MAKES_A_GALLERY + MAKES_A_POOL)
    run = cli(program, as_deployer(server), tmp_path_factory.mktemp("backend"))
    run("stack", "init", "test")
    run("config", "set", "--secret", "description", SECRET)
    return run


def step(pulumi: Cli, server: Running, *arguments: str, exit_code: int = 0) -> Step:
    shown = pulumi(*arguments, exit_code=exit_code)
    return Step(shown, bodies(server), pulumi.state())


@pytest.fixture(scope="module")
def before(server: Running) -> set[str]:
    return set(bodies(server))


@pytest.fixture(scope="module")
def previewed(pulumi: Cli, server: Running, before: set[str]) -> Step:
    return step(pulumi, server, "preview", "--diff")


@pytest.fixture(scope="module")
def failed(pulumi: Cli, server: Running, previewed: Step) -> Step:
    """Azure cannot replicate the version."""
    set_faults(pulumi, FAILING_REPLICATION)
    return step(pulumi, server, "up", "--yes", "--skip-preview", "--diff", exit_code=1)


@pytest.fixture(scope="module")
def made(pulumi: Cli, server: Running, failed: Step) -> Step:
    return step(pulumi, server, "up", "--yes", "--skip-preview", "--diff")


@pytest.fixture(scope="module")
def unchanged(pulumi: Cli, server: Running, made: Step) -> Step:
    return step(pulumi, server, "preview", "--refresh", "--expect-no-changes")


@pytest.fixture(scope="module")
def changed(pulumi: Cli, server: Running, unchanged: Step) -> Step:
    """Somebody changed the pool by hand, and the program wants another definition."""
    pool = server.server.emulator.world.get(POOL)
    assert pool is not None
    pool.body["properties"]["maxSessionLimit"] = 3
    pulumi("config", "set", "sku", "win12")
    return step(pulumi, server, "up", "--yes", "--refresh", "--skip-preview", "--diff")


@pytest.fixture(scope="module")
def destroyed(pulumi: Cli, server: Running, changed: Step) -> Step:
    return step(pulumi, server, "destroy", "--yes", "--skip-preview")


@pytest.fixture(scope="module")
def of_others(pulumi: Cli, server: Running, destroyed: Step) -> Step:
    """The program is to make a pool that is there already."""
    (pulumi.program / "__main__.py").write_text(IMPORTS + MAKES_A_POOL.replace('"hp2"', '"hp1"'))
    return step(pulumi, server, "up", "--yes", "--skip-preview", exit_code=1)


@pytest.fixture(scope="module")
def imported(pulumi: Cli, server: Running, of_others: Step) -> Step:
    theirs = POOL.replace("hp2", "hp1")
    return step(
        pulumi, server, "import", POOL_TOKEN, "existing", theirs, "--yes", "--generate-code=false", "--protect=false"
    )


def test_a_preview_makes_nothing_and_says_who_serves(previewed: Step, before: set[str]) -> None:
    assert set(previewed.azure) == before
    assert "stand-in for the azure-native plugin, not the plugin itself" in previewed.shown


def test_a_version_whose_operation_failed_is_recorded_and_made_right_by_the_next_up(failed: Step, made: Step) -> None:
    assert "InternalExecutionError" in failed.shown
    assert failed.of_type(":GalleryImageVersion")["initErrors"]
    version = made.of_type(":GalleryImageVersion")
    assert "initErrors" not in version
    assert version["outputs"]["provisioningState"] == "Succeeded"


def test_up_makes_everything_and_there_is_nothing_left_to_do(made: Step, unchanged: Step) -> None:
    assert "using pulumi-resource-azure-native from $PATH" in made.shown
    assert made.azure[VERSION.lower()]["properties"]["provisioningState"] == "Succeeded"
    assert unchanged.azure.keys() == made.azure.keys()


def test_a_secret_is_in_azure_and_nowhere_in_the_state(failed: Step, made: Step) -> None:
    assert made.azure[POOL.lower()]["properties"]["description"] == SECRET
    assert SECRET not in failed.shown + made.shown
    assert SECRET not in json.dumps([failed.state, made.state])


def test_what_was_changed_by_hand_is_seen_and_put_right(changed: Step) -> None:
    assert re.search(r"~ maxSessionLimit *: 3 => 16", changed.shown)
    assert changed.azure[POOL.lower()]["properties"]["maxSessionLimit"] == 16


def test_an_immutable_property_replaces_the_definition_and_its_versions(changed: Step) -> None:
    assert "+-2 replaced" in changed.shown
    assert changed.azure[DEFINITION.lower()]["properties"]["identifier"]["sku"] == "win12"
    assert VERSION.lower() in changed.azure


def test_destroy_removes_only_what_was_made(destroyed: Step, before: set[str]) -> None:
    assert set(destroyed.azure) == before


def test_what_is_already_there_is_not_taken_over(of_others: Step) -> None:
    assert "cannot create already existing resource" in of_others.shown


def test_a_resource_that_is_there_is_imported(imported: Step) -> None:
    pool = imported.of_type(POOL_TOKEN)
    assert pool["inputs"]["hostPoolName"] == "hp1"
    assert pool["inputs"]["loadBalancerType"] == "BreadthFirst"
