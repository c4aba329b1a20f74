"""Microsoft.MarketplaceOrdering: the terms of purchase plans, which a subscription accepts before it makes a VM of one.

Shapes: REST specification (Azure/azure-rest-api-specs, specification/marketplaceordering), with `accepted` as
api-version 2015-06-01 answers it (issue 14108: 2021-01-01 says false where the terms were accepted). Terms are those of
the platform images with a plan and of the plans that image definitions of a gallery name; of others there are none.
"""

from __future__ import annotations

from emulator.compute import catalog
from emulator.routing import Route
from emulator.wire import ArmError, Body, Request, Response
from emulator.world import World

SECTION = "marketplace"
_READ = "Microsoft.MarketplaceOrdering/offerTypes/publishers/offers/plans/agreements/read"
_WRITE = "Microsoft.MarketplaceOrdering/offerTypes/publishers/offers/plans/agreements/write"


def get(world: World, request: Request, path: dict[str, str]) -> Response:
    """The terms, accepted or not; 404 for a plan that nobody offers."""
    return Response(200, _shown(world, path))


def put(world: World, request: Request, path: dict[str, str]) -> Response:
    """Accept the terms, or take it back: `properties.accepted`."""
    _shown(world, path)
    properties = (request.body or {}).get("properties") if isinstance(request.body, dict) else {}
    key = _key(path["subscription"], path["publisher"], path["offer"], path["plan"])
    if (properties or {}).get("accepted"):
        _accepted(world)[key] = world.iso()
    else:
        _accepted(world).pop(key, None)
    return Response(200, _shown(world, path))


def require_accepted(world: World, subscription: str, plan: Body) -> None:
    """Raise 400 for a VM with a plan whose terms the subscription has not accepted.

    Wording: github.com/nforgeio/neonKUBE/issues/1673; the code: github.com/hashicorp/terraform-provider-azurerm/issues/
    1145."""
    publisher, product, name = (str(plan.get(key) or "") for key in ("publisher", "product", "name"))
    if _key(subscription, publisher, product, name) in _accepted(world):
        return
    raise ArmError(
        400,
        "ResourcePurchaseValidationFailed",
        "User failed validation to purchase resources. Error message: 'You have not accepted the legal terms on this "
        f"subscription: '{subscription}' for this plan. Before the subscription can be used, you need to accept the "
        "legal terms of the image. To read and accept legal terms, use the Azure CLI commands described at "
        "https://go.microsoft.com/fwlink/?linkid=2110637 or the PowerShell commands available at "
        "https://go.microsoft.com/fwlink/?linkid=862451. Alternatively, deploying via the Azure portal provides a UI "
        f"experience for reading and accepting the legal terms. Offer details: publisher='{publisher}' offer = "
        f"'{product}', sku = '{name}', Correlation Id: '{world.guid()}'.'",
    )


def accept(world: World, subscription: str, plan: Body) -> None:
    """As if somebody had accepted the terms long ago."""
    key = _key(subscription, *(str(plan.get(name) or "") for name in ("publisher", "product", "name")))
    _accepted(world)[key] = world.iso()


def _shown(world: World, path: dict[str, str]) -> Body:
    publisher, offer, plan = path["publisher"], path["offer"], path["plan"]
    if not _offered(world, publisher, offer, plan):
        # Wording: github.com/Azure/azure-powershell/issues/20443.
        raise ArmError(
            404,
            "NotFound",
            "Unable to find legal terms for this offer. Agreement has never been signed for this offer. offer = "
            f"'{offer}', sku = '{plan}',  Correlation Id: '{world.guid()}'.",
        )
    since = _accepted(world).get(_key(path["subscription"], publisher, offer, plan))
    return {
        "id": f"/subscriptions/{path['subscription']}/providers/Microsoft.MarketplaceOrdering/offertypes/"
        f"{path['kind']}/publishers/{publisher}/offers/{offer}/plans/{plan}/agreements/current",
        "name": plan,
        "type": "Microsoft.MarketplaceOrdering/offertypes",
        "properties": {
            "publisher": publisher,
            "product": offer,
            "plan": plan,
            "licenseTextLink": f"https://terms.invalid/{publisher}/{offer}/{plan}/license.txt",
            "privacyPolicyLink": f"https://terms.invalid/{publisher}/privacy",
            "retrieveDatetime": since or world.iso(),
            "signature": "EMULATED",
            "accepted": since is not None,
        },
    }


def _offered(world: World, publisher: str, offer: str, plan: str) -> bool:
    wanted = (publisher.lower(), offer.lower(), plan.lower())
    if any((p.publisher.lower(), p.offer.lower(), p.sku.lower()) == wanted for p in catalog.PLATFORM if p.plan):
        return True
    plans = (
        definition.body["properties"].get("purchasePlan") or {}
        for definition in world.under("/subscriptions", "Microsoft.Compute/galleries/images")
    )
    return any(tuple(str(p.get(k) or "").lower() for k in ("publisher", "product", "name")) == wanted for p in plans)


def _accepted(world: World) -> dict[str, str]:
    """When each plan's terms were accepted, by `_key`."""
    found: dict[str, str] = world.sections.setdefault(SECTION, {})
    return found


def _key(subscription: str, publisher: str, offer: str, plan: str) -> str:
    return "|".join((subscription, publisher, offer, plan)).lower()


_TERMS = (
    "/subscriptions/{subscription}/providers/Microsoft.MarketplaceOrdering/offerTypes/{kind}/publishers/{publisher}"
    "/offers/{offer}/plans/{plan}/agreements/current"
)
ROUTES: list[Route] = [Route("GET", _TERMS, get, _READ), Route("PUT", _TERMS, put, _WRITE)]
