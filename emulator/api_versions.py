"""The api-versions that each resource type has, and the answers to a missing or an unknown one.

The lists are those of the published REST specifications (github.com/Azure/azure-rest-api-specs) as generated clients
carry them, up to 2026. A well-formed version of `OPEN_YEARS` that is newer than the newest listed one is let through,
so that the next SDK release is not turned away.
"""

from __future__ import annotations

import re

from emulator import ids
from emulator.routing import Route
from emulator.wire import ArmError, Request

OPEN_YEARS = ("2026", "2027")
_WELL_FORMED = re.compile(r"\d{4}-\d{2}-\d{2}(-(preview|alpha|beta|privatepreview))?", re.IGNORECASE)


def _versions(text: str) -> tuple[str, ...]:
    """`20240701 20240401p` -> 2024-07-01, 2024-04-01-preview."""
    return tuple(sorted(f"{v[:4]}-{v[4:6]}-{v[6:8]}{'-preview' if v.endswith('p') else ''}" for v in text.split()))


_COMPUTE = _versions(
    "20150615 20160330 20160430p 20170330 20171201 20180401 20180601 20181001 20190301 20190701 20191201 20200601 "
    "20201201 20210301 20210401 20210701 20211101 20220301 20220801 20221101 20230301 20230701 20230901 20240301 "
    "20240701 20241101 20250401 20251101 20260301 20260401"
)
_DISKS = _versions(
    "20160430p 20170330 20180401 20180601 20180930 20190301 20190701 20191101 20200501 20200630 20200930 20201201 "
    "20210401 20210801 20211201 20220302 20220702 20230102 20230402 20231002 20240302 20250102 20260302"
)
_GALLERIES = _versions(
    "20180601 20190301 20190701 20191201 20200930 20210701 20211001 20220103 20220303 20220803 20230703 20240303 "
    "20250303 20251203 20260303"
)
_SKUS = _versions("20170330 20170901 20190401 20210701")
_NETWORK = _versions(
    "20150501p 20150615 20160330 20160601 20160901 20161201 20170301 20170601 20170801 20170901 20171001 20171101 "
    "20180101 20180201 20180401 20180601 20180701 20180801 20181001 20181101 20181201 20190201 20190401 20190601 "
    "20190701 20190801 20190901 20191101 20191201 20200301 20200401 20200501 20200601 20200701 20200801 20201101 "
    "20210201 20210301 20210501 20210801 20220101 20220501 20220701 20220901 20221101 20230201 20230401 20230501 "
    "20230601 20230901 20231101 20240101 20240301 20240501 20240701 20241001 20250101 20250301 20250501 20250701 "
    "20250901 20260101 20260301"
)
_AVD = _versions(
    "20190123p 20190924p 20191210p 20200921p 20201019p 20201102p 20201110p 20210114p 20210201p 20210309p 20210401p "
    "20210712 20210903p 20220210p 20220401p 20220909 20221014p 20230707p 20230905 20231004p 20231101p 20240116p "
    "20240306p 20240403 20240408p 20240808p 20241101p 20250301p 20250401p 20250801p 20250901p 20251010 20251101p "
    "20260101p 20260301p 20260401p"
)
_VAULTS = _versions(
    "20150601 20161001 20180214 20180214p 20190901 20200401p 20210401p 20210601p 20211001 20211101p 20220201p "
    "20220701 20221101 20230201 20230701 20240401p 20241101 20241201p 20250501 20260201 20260301p"
)
_RESOURCES = _versions(
    "20140401 20150101 20151101 20160201 20160601 20160701 20160901 20170510 20180101 20180201 20180501 20180601 "
    "20180701 20181101 20190301 20190501 20190510 20190601 20190701 20190801 20191001 20191101 20200101 20200501 "
    "20200601 20200801 20200901 20201001 20201201 20210101 20210401 20220101 20220901 20221201 20230701 20240301 "
    "20240701 20241101 20250301 20250401"
)
_ROLES = _versions(
    "20140701p 20141001p 20150501p 20150601 20150701 20160701 20170501 20170901 20171001p 20180101p 20180501p "
    "20180701 20180901p 20200301p 20200401p 20200801p 20201001p 20201001 20210401p 20220101p 20220401 20220501p "
    "20230701p"
)
_RULES = _versions("20191101p 20210401 20210901p 20220601 20230311 20240311")
_WORKSPACES = _versions("20200801 20201001 20210601 20211201p 20221001 20230901 20250201 20250701")
_BATCH = _versions(
    "20151201 20170101 20170501 20170901 20181201 20190401 20190801 20200301 20200501 20200901 20210101 20210601 "
    "20220101 20220601 20221001 20230501 20231101 20240201 20240701 20250601"
)
_MAINTENANCE = _versions("20210501 20210901p 20221101p 20230401 20230901p 20231001p 20251001p")
_SERVICE_FABRIC = _versions("20180201 20190301 20200301 20201201p 20210601 20230301p 20231101p")
_LOCKS = _versions("20150101 20150501p 20150601 20160901 20170401 20200501")

NAMESPACES: dict[str, dict[str, tuple[str, ...]]] = {
    "Microsoft.Compute": {
        "virtualMachines": _COMPUTE,
        "virtualMachines/extensions": _COMPUTE,
        "virtualMachines/runCommands": _COMPUTE,
        "availabilitySets": _COMPUTE,
        "virtualMachineScaleSets": _COMPUTE,
        "virtualMachineScaleSets/virtualMachines": _COMPUTE,
        "virtualMachineScaleSets/extensions": _COMPUTE,
        "images": _COMPUTE,
        "disks": _DISKS,
        "snapshots": _DISKS,
        "galleries": _GALLERIES,
        "galleries/images": _GALLERIES,
        "galleries/images/versions": _GALLERIES,
        "locations": tuple(sorted({*_COMPUTE, *_DISKS, *_GALLERIES})),
        "skus": _SKUS,
    },
    "Microsoft.Network": {
        "virtualNetworks": _NETWORK,
        "virtualNetworks/subnets": _NETWORK,
        "networkInterfaces": _NETWORK,
        "loadBalancers": _NETWORK,
        "locations": _NETWORK,
    },
    "Microsoft.DesktopVirtualization": {
        "hostPools": _AVD,
        "hostPools/sessionHosts": _AVD,
        "scalingPlans": _AVD,
        "applicationGroups": _AVD,
        "workspaces": _AVD,
        "locations": _AVD,
    },
    "Microsoft.Batch": {"batchAccounts": _BATCH, "batchAccounts/pools": _BATCH},
    "Microsoft.ServiceFabric": {"clusters": _SERVICE_FABRIC},
    "Microsoft.KeyVault": {"vaults": _VAULTS, "vaults/secrets": _VAULTS},
    "Microsoft.Maintenance": {
        "maintenanceConfigurations": _MAINTENANCE,
        "configurationAssignments": _MAINTENANCE,
    },
    "Microsoft.Insights": {"dataCollectionRules": _RULES},
    "Microsoft.OperationalInsights": {"workspaces": _WORKSPACES, "workspaces/tables": _WORKSPACES},
    "Microsoft.Authorization": {
        "roleDefinitions": _ROLES,
        "roleAssignments": _ROLES,
        "permissions": _ROLES,
        "locks": _LOCKS,
    },
    "Microsoft.MarketplaceOrdering": {"offerTypes": _versions("20150601 20210101")},
    "Microsoft.Resources": {"subscriptions": _RESOURCES, "resourceGroups": _RESOURCES, "tags": _RESOURCES},
}
"""Namespace -> type -> api-versions, oldest first."""

_LOWER = {name.lower(): {kind.lower(): v for kind, v in kinds.items()} for name, kinds in NAMESPACES.items()}


def namespace(name: str) -> str | None:
    """A namespace as Azure writes it, or None for one that is not emulated."""
    return next((known for known in NAMESPACES if known.lower() == name.lower()), None)


def of_namespace(name: str) -> dict[str, tuple[str, ...]]:
    return NAMESPACES[name]


def supported(provider: str, kind: str) -> tuple[str, ...]:
    """The api-versions of `kind`, or of the nearest type above it; empty where nothing is known."""
    kinds = _LOWER.get(provider.lower(), {})
    wanted = kind.lower()
    while wanted and wanted not in kinds:
        wanted = wanted.rpartition("/")[0]
    return kinds.get(wanted, ())


def require(request: Request, route: Route) -> None:
    """Raise 400 MissingApiVersionParameter, InvalidApiVersionParameter or NoRegisteredProviderFound."""
    version = request.api_version
    headers = {"x-ms-failure-cause": "gateway"}
    if not version:
        raise ArmError(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
            headers=headers,
        )
    whole = ids.resource_type(request.path) or "Microsoft.Resources/subscriptions"
    provider, _, kind = whole.partition("/")
    known = route.api_versions or supported(provider, kind)
    lower = version.lower()
    if _WELL_FORMED.fullmatch(lower) and (
        not known or lower in known or (lower > known[-1] and lower[:4] in OPEN_YEARS)
    ):
        return
    if provider.lower() == "microsoft.resources" or not _WELL_FORMED.fullmatch(lower):
        raise ArmError(
            400,
            "InvalidApiVersionParameter",
            f"The api-version '{version}' is invalid. The supported versions are '{','.join(reversed(known))}'.",
            headers=headers,
        )
    # Wording: learn.microsoft.com/azure/azure-resource-manager/troubleshooting (NoRegisteredProviderFound).
    raise ArmError(
        400,
        "NoRegisteredProviderFound",
        f"No registered resource provider found for location '{_location(request)}' and API version '{version}' for "
        f"type '{kind}'. The supported api-versions are '{', '.join(known)}'. The supported locations are "
        f"'{', '.join(_LOCATIONS)}'.",
        headers=headers,
    )


_LOCATIONS = ("westeurope", "northeurope", "eastus", "eastus2", "westus2", "centralus", "southeastasia")


def _location(request: Request) -> str:
    body = request.body if isinstance(request.body, dict) else {}
    return str(body.get("location") or "westeurope").replace(" ", "").lower()
