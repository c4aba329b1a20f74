"""What is done on an updated host once it has joined its directory and its pool, before it is verified.

Extensions and a script, such as those that install an RMM agent, which must not be part of a golden image.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rollout.errors import InvalidDeclaration
from rollout.values import secret_uri

OURS = frozenset(
    {
        ("microsoft.powershell", "dsc"),
        ("microsoft.compute", "jsonaddomainextension"),
        ("microsoft.azure.activedirectory", "aadloginforwindows"),
    }
)
"""Publishers and types of the extensions that join a host and install its agent."""


@dataclass(frozen=True)
class DeclaredExtension:
    """A VM extension. `protected_settings_secret`: URI of a Key Vault secret that holds them as a JSON object."""

    name: str
    publisher: str
    type: str
    version: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    protected_settings_secret: str = ""

    @property
    def kind(self) -> tuple[str, str]:
        """Publisher and type in lower case."""
        return self.publisher.lower(), self.type.lower()

    def body(self, location: str, protected: Mapping[str, Any] | None) -> dict[str, Any]:
        """The REST body."""
        properties: dict[str, Any] = {
            "publisher": self.publisher,
            "type": self.type,
            "typeHandlerVersion": self.version,
            "autoUpgradeMinorVersion": True,
            "settings": dict(self.settings),
        }
        if protected is not None:
            properties["protectedSettings"] = dict(protected)
        return {"location": location, "properties": properties}


@dataclass(frozen=True)
class PostUpdate:
    script: tuple[str, ...] = ()
    """Lines of PowerShell; exit code 0. After a crash it may run again."""
    secrets: tuple[tuple[str, str], ...] = ()
    """Parameters of the script, each with the URI of the Key Vault secret that holds its value."""
    extensions: tuple[DeclaredExtension, ...] = ()

    @property
    def kinds(self) -> frozenset[tuple[str, str]]:
        """Publishers and types of the extensions, in lower case."""
        return frozenset(extension.kind for extension in self.extensions)


def post_update(given: Mapping[str, Any]) -> PostUpdate:
    """The plain input `post_update`. Raises InvalidDeclaration."""
    secrets = {str(name): str(uri) for name, uri in (given.get("secrets") or {}).items()}
    for name, uri in secrets.items():
        if not name.isidentifier():
            raise InvalidDeclaration(
                "post_update.secrets", name, "is no name of a parameter", 'write one such as "SiteToken"'
            )
        secret_uri(f"post_update.secrets.{name}", uri)
    script = tuple(str(line) for line in given.get("script") or ())
    for name, uri in secrets.items():
        # Those that a script without param() takes are in its $args.
        if not any(re.search(rf"\b({name}|args)\b", line, re.IGNORECASE) for line in script):
            raise InvalidDeclaration(
                f"post_update.secrets.{name}",
                uri,
                "is a parameter that post_update.script does not take",
                f'begin post_update.script with "param([string]${name})", or leave it out',
            )
    extensions = tuple(_extension(i, item) for i, item in enumerate(given.get("extensions") or ()))
    for i, extension in enumerate(extensions):
        prop = f"post_update.extensions[{i}]"
        if extension.kind in OURS:
            raise InvalidDeclaration(
                f"{prop}.type",
                f"{extension.publisher}/{extension.type}",
                "is put on the host by the rollout itself",
                "leave it out: join and agent say how",
            )
        if extension.kind in [other.kind for other in extensions[:i]]:
            raise InvalidDeclaration(
                f"{prop}.type",
                f"{extension.publisher}/{extension.type}",
                "is there twice",
                "leave it out: Windows allows one extension of a type, so put all settings into one",
            )
        if extension.name.lower() in [other.name.lower() for other in extensions[:i]]:
            raise InvalidDeclaration(
                f"{prop}.name", extension.name, "is there twice", f"write another, such as {extension.name}-{i + 1}"
            )
    return PostUpdate(script, tuple(sorted(secrets.items())), extensions)


def _extension(number: int, given: Mapping[str, Any]) -> DeclaredExtension:
    texts = {key: str(given[key]) for key in ("name", "publisher", "type", "version")}
    if not re.fullmatch(r"\d+\.\d+(\.\d+){0,2}", texts["version"]):
        raise InvalidDeclaration(
            f"post_update.extensions[{number}].version", texts["version"], "is no version", "write one such as 1.0"
        )
    uri = given.get("protected_settings_secret")
    if uri:
        secret_uri(f"post_update.extensions[{number}].protected_settings_secret", str(uri))
    return DeclaredExtension(**texts, settings=_plain(given.get("settings") or {}), protected_settings_secret=uri or "")


def _plain(value: Any) -> Any:
    """Numbers as they were written: Pulumi hands all of them over as floats."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
