"""Microsoft.Features: preview features of a subscription, and their registration.

learn.microsoft.com/rest/api/resources/features. Registering answers Registering, and takes a while: 15 minutes here,
"several minutes" in Microsoft's documents on preview features.
"""

from __future__ import annotations

from emulator.routing import Route
from emulator.wire import ArmError, Body, Request, Response
from emulator.world import World

SECTION = "features"
REGISTERING = 900.0
"""Seconds until a feature is registered (unverified)."""
KNOWN = ("Microsoft.Compute/RollingUpgradeDeferral",)

_API_VERSIONS = ("2015-12-01", "2021-07-01")
_REGISTRATION = (
    "/subscriptions/{subscription}/providers/Microsoft.Features/featureProviders/{namespace}"
    "/subscriptionFeatureRegistrations/{feature}"
)
_FEATURE = "/subscriptions/{subscription}/providers/Microsoft.Features/providers/{namespace}/features/{feature}"


def state_of(world: World, subscription: str, name: str) -> str:
    """NotRegistered, Registering or Registered, of `Microsoft.Compute/RollingUpgradeDeferral`."""
    since = _table(world).get(_key(subscription, name))
    if since is None:
        return "NotRegistered"
    return "Registered" if world.now >= since + REGISTERING else "Registering"


def get(world: World, request: Request, path: dict[str, str]) -> Response:
    return Response(200, _body(world, path))


def get_registration(world: World, request: Request, path: dict[str, str]) -> Response:
    """The same as a registration of the subscription, which azure-native reads."""
    name, subscription = _name(path), path["subscription"]
    namespace, _, feature = name.partition("/")
    kind = "Microsoft.Features/featureProviders/subscriptionFeatureRegistrations"
    properties = {
        "subscriptionId": subscription,
        "featureName": feature,
        "providerNamespace": namespace,
        "state": state_of(world, subscription, name),
        "approvalType": "AutoApproval",
    }
    scope = f"/subscriptions/{subscription}/providers/Microsoft.Features/featureProviders/{namespace}"
    registration = f"{scope}/subscriptionFeatureRegistrations/{feature}"
    return Response(200, {"id": registration, "name": feature, "type": kind, "properties": properties})


def register(world: World, request: Request, path: dict[str, str]) -> Response:
    _name(path)
    _table(world).setdefault(_key(path["subscription"], f"{path['namespace']}/{path['feature']}"), world.now)
    return Response(200, _body(world, path))


def _body(world: World, path: dict[str, str]) -> Body:
    name, subscription = _name(path), path["subscription"]
    namespace, _, feature = name.partition("/")
    return {
        "properties": {"state": state_of(world, subscription, name)},
        "id": f"/subscriptions/{subscription}/providers/Microsoft.Features/providers/{namespace}/features/{feature}",
        "type": "Microsoft.Features/providers/features",
        "name": name,
    }


def _name(path: dict[str, str]) -> str:
    wanted = f"{path['namespace']}/{path['feature']}".lower()
    for known in KNOWN:
        if known.lower() == wanted:
            return known
    # Wording unverified.
    raise ArmError(404, "FeatureNotFound", f"The feature '{path['feature']}' could not be found.")


def _key(subscription: str, name: str) -> str:
    return f"{subscription}|{name}".lower()


def _table(world: World) -> dict[str, float]:
    table: dict[str, float] = world.sections.setdefault(SECTION, {})
    return table


ROUTES: list[Route] = [
    Route("GET", _FEATURE, get, "Microsoft.Features/providers/features/read", _API_VERSIONS),
    Route(
        "POST", _FEATURE + "/register", register, "Microsoft.Features/providers/features/register/action", _API_VERSIONS
    ),
    Route(
        "GET",
        _REGISTRATION,
        get_registration,
        "Microsoft.Features/featureProviders/subscriptionFeatureRegistrations/read",
        _API_VERSIONS,
    ),
]
