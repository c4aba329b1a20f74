"""The stand-in under the real Pulumi CLI, against the emulator over HTTPS."""

from __future__ import annotations

import json
import re
import ssl
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator.server import Running
from tests.support.emulator import as_deployer, served
from tests.support.pulumi_cli import Cli, cli

GROUP = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/avd"
GALLERY = f"{GROUP}/providers/Microsoft.Compute/galleries/avd"
POOL = f"{GROUP}/providers/Microsoft.DesktopVirtualization/hostPools/hp2"

PROGRAM = f"""
import pulumi
from components import *

config = pulumi.Config()
source = ImageSource(managed_image_id="{GROUP}/providers/Microsoft.Compute/images/win11-1.0.0")
versions = [ImageVersionArgs("1.0.0", source)]
image = ImageDefinitionArgs("win11", "Contoso", "avd", config.get("sku") or "win11", versions=versions)
gallery = ImageGalleryArgs("westeurope", [image], resource_group_name="avd", gallery_name="avd")
pulumi.export("version", ImageGallery("images", gallery).version_ids["win11/1.0.0"])
HostPool("pool", HostPoolArgs("avd", "hp2", "westeurope", 16, description=config.get_secret("description")))
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    with served(tmp_path / "emulator", hosts=1, speed=3000.0) as running:
        yield running


@pytest.fixture
def pulumi(tmp_path: Path, server: Running) -> Cli:
    program = tmp_path / "program"
    program.mkdir()
    (program / "Pulumi.yaml").write_text("name: pictures\nruntime: python\n")
    (program / "__main__.py").write_text(PROGRAM)
    run = cli(program, as_deployer(server), tmp_path / "backend")
    run("stack", "init", "test")
    return run


def there(server: Running, resource_id: str) -> dict[str, Any] | None:
    """The body of a resource as the emulator holds it."""
    found = server.server.emulator.world.get(resource_id)
    return None if found is None else found.body


def set_faults(pulumi: Cli, *rules: dict[str, Any]) -> None:
    url = f"https://{pulumi.environment['ARM_METADATA_HOSTNAME']}/emulator/faults"
    request = urllib.request.Request(
        url, json.dumps({"seed": 1, "rules": list(rules)}).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    context = ssl.create_default_context(cafile=pulumi.environment["SSL_CERT_FILE"])
    with urllib.request.urlopen(request, context=context) as answer:
        assert answer.status == 200


def test_up_makes_everything_a_second_one_nothing_and_destroy_removes_only_that(pulumi, server):
    before = set(server.server.emulator.world.resources)
    preview = pulumi("preview", "--diff")
    assert there(server, GALLERY) is None
    assert "stand-in for the azure-native plugin, not the plugin itself" in preview
    up = pulumi("up", "--yes", "--skip-preview")
    assert "using pulumi-resource-azure-native from $PATH" in up
    body = there(server, f"{GALLERY}/images/win11/versions/1.0.0")
    assert body is not None
    assert body["properties"]["provisioningState"] == "Succeeded"
    pulumi("preview", "--refresh", "--expect-no-changes")
    pulumi("destroy", "--yes", "--skip-preview")
    assert set(server.server.emulator.world.resources) == before


def test_refresh_sees_what_was_changed_by_hand_and_up_puts_it_right(pulumi, server):
    pulumi("up", "--yes", "--skip-preview")
    body = there(server, POOL)
    assert body is not None
    body["properties"]["maxSessionLimit"] = 3
    assert re.search(r"~ maxSessionLimit *: 3 => 16", pulumi("up", "--yes", "--refresh", "--skip-preview", "--diff"))
    changed = there(server, POOL)
    assert changed is not None
    assert changed["properties"]["maxSessionLimit"] == 16


def test_an_immutable_property_replaces_the_definition_and_its_versions(pulumi, server):
    pulumi("up", "--yes", "--skip-preview")
    pulumi("config", "set", "sku", "win12")
    assert "+-2 replaced" in pulumi("up", "--yes", "--skip-preview")
    body = there(server, f"{GALLERY}/images/win11")
    assert body is not None
    assert body["properties"]["identifier"]["sku"] == "win12"
    assert there(server, f"{GALLERY}/images/win11/versions/1.0.0") is not None


def test_a_secret_is_in_azure_and_nowhere_in_the_state(pulumi, server):
    pulumi("config", "set", "--secret", "description", "not for everyone")
    shown = pulumi("up", "--yes", "--skip-preview", "--diff")
    body = there(server, POOL)
    assert body is not None
    assert body["properties"]["description"] == "not for everyone"
    assert "not for everyone" not in shown
    assert "not for everyone" not in json.dumps(pulumi.state())


def test_a_resource_that_is_there_is_imported(pulumi, server):
    token = "azure-native:desktopvirtualization:HostPool"
    hosts = f"{GROUP}/providers/Microsoft.DesktopVirtualization/hostPools/hp1"
    pulumi("import", token, "existing", hosts, "--yes", "--generate-code=false", "--protect=false")
    [imported] = [resource for resource in pulumi.state() if resource["type"] == token]
    assert imported["inputs"]["hostPoolName"] == "hp1"
    assert imported["inputs"]["loadBalancerType"] == "BreadthFirst"


def test_a_version_whose_operation_failed_is_recorded_and_made_right_by_the_next_up(pulumi, server):
    set_faults(
        pulumi,
        {
            "id": "replication",
            "method": "PUT",
            "path": "versions/1.0.0",
            "nth": [1],
            "effect": {"type": "operation", "outcome": "fail", "code": "InternalExecutionError"},
        },
    )
    failed = pulumi("up", "--yes", "--skip-preview", exit_code=1)
    assert "InternalExecutionError" in failed
    [version] = [r for r in pulumi.state() if r["type"].endswith(":GalleryImageVersion")]
    assert version["initErrors"]
    pulumi("up", "--yes", "--skip-preview")
    [version] = [r for r in pulumi.state() if r["type"].endswith(":GalleryImageVersion")]
    assert "initErrors" not in version
    assert version["outputs"]["provisioningState"] == "Succeeded"


def test_what_is_already_there_is_not_taken_over(pulumi, server):
    program = pulumi.program / "__main__.py"
    program.write_text(PROGRAM.replace('"hp2"', '"hp1"'))
    failed = pulumi("up", "--yes", "--skip-preview", exit_code=1)
    assert "cannot create already existing resource" in failed


def test_wrong_credentials_are_a_clear_error(pulumi):
    wrong = Cli(pulumi.program, {**pulumi.environment, "ARM_CLIENT_SECRET": "wrong"})
    failed = wrong("up", "--yes", "--skip-preview", exit_code=1)
    assert "AADSTS" in failed
    assert "Traceback" not in failed


def test_an_emulator_that_is_down_is_a_clear_error(pulumi):
    down = Cli(pulumi.program, {**pulumi.environment, "ARM_METADATA_HOSTNAME": "localhost:9"})
    failed = down("preview", exit_code=1)
    assert "Is ARM_METADATA_HOSTNAME right, and the emulator up?" in failed
    assert "Traceback" not in failed
