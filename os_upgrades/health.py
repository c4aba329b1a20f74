"""How Azure gets to know whether an instance is healthy: from inside, by the Application Health extension, or from
outside, by a load balancer probe. Never both.

Sources: learn.microsoft.com/azure/virtual-machine-scale-sets/virtual-machine-scale-sets-health-extension and
.../virtual-machine-scale-sets-automatic-upgrade. Where pages disagree on the longest grace period (14400 s there,
7200 s on the page of custom metrics) the shorter one is taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from os_upgrades import sources
from os_upgrades.values import members, refuse, whole_between, without_none
from rollout.azure import Body
from rollout.errors import InvalidDeclaration
from rollout.values import choice, resource_id

EXTENSION = "HealthExtension"
"""Its name, where the scale set has none of its type yet."""
PUBLISHER = "Microsoft.ManagedServices"
HANDLER = {"binary": "1.0", "rich": "2.0"}
"""typeHandlerVersion by the states that it reports."""
LONGEST_GRACE = 7200
EXAMPLE_PROBE = (
    "/subscriptions/<id>/resourceGroups/<group>/providers/Microsoft.Network/loadBalancers/<name>/probes/<probe>"
)


class States(StrEnum):
    BINARY = "binary"
    """Healthy or Unhealthy, by the status code or the handshake."""
    RICH = "rich"
    """Also Initializing and Unknown; over HTTP by what the answer's body says."""


class Protocol(StrEnum):
    HTTP = "http"
    HTTPS = "https"
    TCP = "tcp"


@dataclass(frozen=True)
class ApplicationHealth:
    """The Application Health extension. What is None is left to Azure."""

    protocol: Protocol
    port: int | None = None
    request_path: str | None = None
    states: States = States.RICH
    interval_in_seconds: int = 5
    number_of_probes: int = 1
    grace_period: int | None = None
    """Seconds; Azure's default is interval times probes. Rich states only."""

    def body(self, *, windows: bool) -> Body:
        """`properties` of the extension in a scale set's model."""
        return {
            "publisher": PUBLISHER,
            "type": "ApplicationHealthWindows" if windows else "ApplicationHealthLinux",
            "typeHandlerVersion": HANDLER[self.states],
            "autoUpgradeMinorVersion": True,
            "settings": without_none(
                {
                    "protocol": str(self.protocol),
                    "port": self.port,
                    "requestPath": self.request_path,
                    "intervalInSeconds": self.interval_in_seconds,
                    "numberOfProbes": self.number_of_probes,
                    "gracePeriod": self.grace_period,
                }
            ),
        }


@dataclass(frozen=True)
class Health:
    """The declared source: one of the two."""

    extension: ApplicationHealth | None = None
    probe_id: str | None = None
    """Id of a load balancer's probe."""


def parse(given: Any, prop: str = "health") -> Health:
    """The health source of plain inputs. Raises InvalidDeclaration."""
    found = members(prop, given, ("extension", "probe_id"))
    if len(found) != 1:
        raise refuse(
            prop,
            ", ".join(found) or None,
            "names both sources" if found else "names no source",
            sources.HEALTH_EXTENSION,
            "write one of extension and probe_id: Azure takes one source of health, never both",
        )
    if "probe_id" in found:
        kind = "/resourceGroups/*/providers/Microsoft.Network/loadBalancers/*/probes/*"
        named = str(found["probe_id"])
        return Health(probe_id=resource_id(f"{prop}.probe_id", named, "load balancer probe", kind, EXAMPLE_PROBE))
    return Health(extension=_extension(f"{prop}.extension", found["extension"]))


def _extension(prop: str, given: Any) -> ApplicationHealth:
    known = ("protocol", "port", "request_path", "states", "interval_in_seconds", "number_of_probes", "grace_period")
    found = members(prop, given, known)
    if "protocol" not in found:
        raise InvalidDeclaration(f"{prop}.protocol", None, "is missing", "write one of http, https, tcp")
    protocol = choice(f"{prop}.protocol", found["protocol"], Protocol)
    states = choice(f"{prop}.states", found.get("states", "rich"), States)
    _check_endpoint(prop, protocol, found)
    if "grace_period" in found and states is States.BINARY:
        raise _refuse(
            f"{prop}.grace_period", found, "is known with rich states only", "write states: rich, or leave it out"
        )

    def number(name: str, least: int, most: int, default: int) -> int:
        return whole_between(f"{prop}.{name}", found.get(name, default), least, most, sources.HEALTH_EXTENSION, default)

    return ApplicationHealth(
        protocol,
        number("port", 1, 65535, 80) if "port" in found else None,
        str(found["request_path"]) if "request_path" in found else None,
        states,
        number("interval_in_seconds", 5, 60, 5),
        number("number_of_probes", 1, 24, 1),
        number("grace_period", 5, LONGEST_GRACE, 600) if "grace_period" in found else None,
    )


def _check_endpoint(prop: str, protocol: Protocol, found: Mapping[str, Any]) -> None:
    path = f"{prop}.request_path"
    if protocol is Protocol.TCP:
        if "port" not in found:
            raise _refuse(f"{prop}.port", found, "is missing, and tcp needs it", "write one such as 3389")
        if "request_path" in found:
            raise _refuse(path, found, "is not allowed with tcp", "leave it out, or write protocol: http")
    elif not str(found.get("request_path") or "").startswith("/"):
        why = "is no path" if "request_path" in found else f"is missing, and {protocol} needs it"
        raise _refuse(path, found, why, "write one such as /health")


def _refuse(prop: str, found: Mapping[str, Any], rule: str, remedy: str) -> InvalidDeclaration:
    return refuse(prop, found.get(prop.rpartition(".")[2]), rule, sources.HEALTH_EXTENSION, remedy)
