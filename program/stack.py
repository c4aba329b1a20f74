"""What a stack declares, read from its configuration file alone: without Pulumi's CLI, its state, or a run.

As the CLI does, the project is looked for in a folder and those above it, and the stack's file is
`<stackConfigDir>/Pulumi.<stack>.yaml` (pulumi.com/docs/iac/concepts/projects/project-file: stackConfigDir).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from components.arm_ids import resource_group_of
from program import golden_image
from program.config import ConfigError, Settings, settings_of, with_secrets
from program.resources import resources

PROJECT_FILE = "Pulumi.yaml"


class NoStack(Exception):
    """There is no such stack, or it cannot be read; the text says what to do."""


@dataclass(frozen=True)
class Stack:
    """A stack of the program in this repository, as it is configured."""

    name: str
    settings: Settings
    promote_from: dict[str, Any] | None = None
    """The input of that name: the other stack's pool by its id."""

    @property
    def image(self) -> str:
        """What the program gives as `image`: the definition's id where the stack has a gallery."""
        gallery = self.settings.gallery
        if gallery is None:
            return self.settings.image or ""
        group = resource_group_of(self.settings.home).rsplit("/", 1)[0]
        made = f"{group}/{gallery.resource_group_name}/providers/Microsoft.Compute/galleries/{gallery.gallery_name}"
        return f"{gallery.gallery_id or made}/images/{gallery.images[0].name}"

    def inputs(self, vault_uri: str) -> dict[str, Any]:
        """The inputs of `HostPoolImageUpdate` as the program gives them. `vault_uri`: of the stack's vault; empty where
        it names none."""
        rollout = with_secrets(self.settings.rollout, lambda secret: f"{vault_uri}/secrets/{secret}")
        promote_from = {"promote_from": self.promote_from} if self.promote_from is not None else {}
        return {
            **rollout,
            **promote_from,
            "host_pool_id": self.settings.host_pool_id,
            "image": self.image,
            "version": self.settings.image_version,
        }

    def golden_image(self, vault_uri: str) -> dict[str, Any] | None:
        """The inputs of `GoldenImageVersion`, likewise; None where the stack captures no version."""
        golden = self.settings.golden_image
        if golden is None:
            return None
        return {**golden_image.with_uris(golden, lambda secret: f"{vault_uri}/secrets/{secret}"), "image": self.image}


def read(name: str, folder: Path) -> Stack:
    """The stack of this name (`prod`, or `organization/project/prod`) of the program in `folder`, or above it. Raises
    NoStack."""
    project, file = _files(name.rsplit("/", 1)[-1], folder.resolve())
    values = _loaded(file).get("config") or {}
    secret = [key for key, value in values.items() if isinstance(value, Mapping) and "secure" in value]
    if secret:
        raise NoStack(f"{file}: {secret[0]} is encrypted; no setting of this program is a secret: write it as it is")
    try:
        texts = {str(key): _text(value) for key, value in values.items()}
        settings = settings_of(texts, project, resources())
    except ConfigError as error:
        raise NoStack(f"{file}: {error}") from error
    return Stack(name, settings, _promote_from(settings, project, folder))


def _promote_from(settings: Settings, project: str, folder: Path) -> dict[str, Any] | None:
    """The program asks the other stack for its pool; here its file is asked."""
    given = settings.promote_from
    if given is None or "host_pool_id" in given:
        return dict(given) if given is not None else None
    name = str(given["stack"])
    if "/" in name and name.split("/")[-2] != project:
        raise NoStack(f"promote_from: stack {name} is of another program; add its host_pool_id to promote_from")
    return {**given, "host_pool_id": read(name, folder).settings.host_pool_id}


def _files(name: str, folder: Path) -> tuple[str, Path]:
    """The project's name, and the stack's file."""
    root = next((place for place in (folder, *folder.parents) if (place / PROJECT_FILE).is_file()), None)
    if root is None:
        raise NoStack(f"no {PROJECT_FILE} in {folder} or above it: --stack is asked for in the folder of the program")
    project = _loaded(root / PROJECT_FILE)
    place = root / str(project.get("stackConfigDir") or ".")
    file = place / f"Pulumi.{name}.yaml"
    if not file.is_file():
        known = sorted(each.name.split(".")[1] for each in place.glob("Pulumi.*.yaml"))
        raise NoStack(f"no stack {name}: {file} does not exist; there are {', '.join(known) or 'none'}")
    return str(project.get("name")), file


def _loaded(file: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise NoStack(f"{file} cannot be read: {' '.join(str(error).split())}") from error
    return found if isinstance(found, dict) else {}


def _text(value: Any) -> str:
    """As the CLI hands a value to a program: objects and lists as JSON."""
    return value if isinstance(value, str) else json.dumps(value)
