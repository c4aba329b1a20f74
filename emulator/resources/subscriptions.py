"""Subscriptions, their locations, tenants, and the resource providers that are registered in them."""

from __future__ import annotations

from emulator import api_versions, ids
from emulator.authorization import check
from emulator.wire import ArmError, Body, Request, Response
from emulator.world import Resource, World

TENANT = "22222222-2222-2222-2222-222222222222"

LOCATIONS: dict[str, tuple[str, bool]] = {
    "westeurope": ("West Europe", True),
    "northeurope": ("North Europe", True),
    "germanywestcentral": ("Germany West Central", True),
    "francecentral": ("France Central", True),
    "swedencentral": ("Sweden Central", True),
    "switzerlandnorth": ("Switzerland North", True),
    "uksouth": ("UK South", True),
    "ukwest": ("UK West", False),
    "eastus": ("East US", True),
    "eastus2": ("East US 2", True),
    "centralus": ("Central US", True),
    "southcentralus": ("South Central US", True),
    "westus": ("West US", False),
    "westus2": ("West US 2", True),
    "westus3": ("West US 3", True),
    "southeastasia": ("Southeast Asia", True),
    "japaneast": ("Japan East", True),
    "australiaeast": ("Australia East", True),
}
"""Regions by name: display name, and whether they have availability zones (a selection of the public cloud)."""


def normal_location(location: str) -> str:
    """`West Europe` and `WestEurope` are `westeurope`: so locations come back, except in gallery targetRegions."""
    return location.replace(" ", "").lower()


def display_location(location: str) -> str:
    """`West Europe` of `westeurope`; a region that is not in the table stays as written."""
    known = LOCATIONS.get(normal_location(location))
    return known[0] if known else location


def tenant_of(world: World) -> str:
    return str(world.setting("tenant", TENANT))


def add(world: World, subscription_id: str, name: str = "Emulated subscription") -> None:
    """Make a subscription, as a scenario does."""
    world.put(f"/subscriptions/{subscription_id}", _new(world, subscription_id, name))


def move(world: World, subscription_id: str, tenant: str) -> None:
    """The subscription belongs to another tenant, whose tokens are not the emulator's."""
    world.sections.setdefault("foreign", {})[subscription_id.lower()] = tenant


def require_own_tenant(world: World, path: str) -> None:
    """Raise 401 InvalidAuthenticationTokenTenant for a subscription of another tenant (wording: public reports)."""
    tenant = world.sections.get("foreign", {}).get((ids.subscription(path) or "").lower())
    if tenant is not None:
        raise ArmError(
            401,
            "InvalidAuthenticationTokenTenant",
            f"The access token is from the wrong issuer 'https://sts.windows.net/{tenant_of(world)}/'. It must match "
            f"the tenant 'https://sts.windows.net/{tenant}/' associated with this subscription. Please use the "
            f"authority (URL) 'https://login.windows.net/{tenant}' to get the token.",
            headers=check.GATEWAY,
        )


def resource(world: World, subscription_id: str) -> Resource:
    """The subscription, or 404 SubscriptionNotFound. One that only shows in other ids exists too."""
    found = world.get(f"/subscriptions/{subscription_id}")
    if found is not None:
        return found
    prefix = f"/subscriptions/{subscription_id.lower()}/"
    if any(key.startswith(prefix) for key in world.resources):
        return Resource(f"/subscriptions/{subscription_id}", _new(world, subscription_id, "Emulated subscription"))
    raise ArmError(
        404,
        "SubscriptionNotFound",
        f"The subscription '{subscription_id}' could not be found.",
        headers=check.GATEWAY,
    )


def _new(world: World, subscription_id: str, name: str) -> Body:
    return {
        "id": f"/subscriptions/{subscription_id}",
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": subscription_id,
        "tenantId": tenant_of(world),
        "displayName": name,
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
    }


def get(world: World, request: Request, path: dict[str, str]) -> Response:
    found = resource(world, path["subscription"])
    if not check.any_access(world, request.principal, found.id):
        check.require(world, request.principal, "Microsoft.Resources/subscriptions/read", found.id)
    return Response(200, found.body)


def list_(world: World, request: Request, path: dict[str, str]) -> Response:
    """The subscriptions in which the caller has some role."""
    known = sorted({key.split("/")[2] for key in world.resources if key.startswith("/subscriptions/")})
    found = [resource(world, each) for each in known]
    seen = [each.body for each in found if check.any_access(world, request.principal, each.id)]
    return Response(200, {"value": seen, "count": {"type": "Total", "value": len(seen)}})


def list_locations(world: World, request: Request, path: dict[str, str]) -> Response:
    subscription = resource(world, path["subscription"]).id
    return Response(
        200,
        {
            "value": [
                {
                    "id": f"{subscription}/locations/{name}",
                    "name": name,
                    "type": "Region",
                    "displayName": display,
                    "regionalDisplayName": display,
                    "metadata": {"regionType": "Physical", "regionCategory": "Recommended"},
                    **(
                        {
                            "availabilityZoneMappings": [
                                {"logicalZone": zone, "physicalZone": f"{name}-az{zone}"} for zone in ("1", "2", "3")
                            ]
                        }
                        if zoned
                        else {}
                    ),
                }
                for name, (display, zoned) in LOCATIONS.items()
            ]
        },
    )


def list_tenants(world: World, request: Request, path: dict[str, str]) -> Response:
    tenant = tenant_of(world)
    body = {"id": f"/tenants/{tenant}", "tenantId": tenant, "displayName": "Emulated tenant", "tenantType": "AAD"}
    return Response(200, {"value": [body]})


def get_provider(world: World, request: Request, path: dict[str, str]) -> Response:
    namespace = api_versions.namespace(path["namespace"])
    if namespace is None:
        raise ArmError(404, "InvalidResourceNamespace", f"The resource namespace '{path['namespace']}' is invalid.")
    return Response(200, _provider(path["subscription"], namespace))


def list_providers(world: World, request: Request, path: dict[str, str]) -> Response:
    return Response(200, {"value": [_provider(path["subscription"], each) for each in api_versions.NAMESPACES]})


def _provider(subscription: str, namespace: str) -> Body:
    return {
        "id": f"/subscriptions/{subscription}/providers/{namespace}",
        "namespace": namespace,
        "registrationPolicy": "RegistrationRequired",
        "registrationState": "Registered",
        "resourceTypes": [
            {
                "resourceType": kind,
                "locations": [display for display, _ in LOCATIONS.values()],
                "apiVersions": list(reversed(versions)),
            }
            for kind, versions in api_versions.of_namespace(namespace).items()
        ],
    }
