"""Microsoft.Compute, the part about images: snapshots, images, galleries, sizes, quota, platform images."""

from __future__ import annotations

from emulator.compute import (
    catalog,
    galleries,
    gallery_images,
    gallery_versions,
    images,
    published_galleries,
    snapshots,
)
from emulator.routing import Route
from emulator.world import Handler

_NS = "Microsoft.Compute"
_SUBSCRIPTION = "/subscriptions/{subscription}/providers/" + _NS
_GROUP = "/subscriptions/{subscription}/resourceGroups/{group}/providers/" + _NS
_LOCATION = _SUBSCRIPTION + "/locations/{location}"
_PUBLISHERS = _LOCATION + "/publishers"
_OFFERS = _PUBLISHERS + "/{publisher}/artifacttypes/vmimage/offers"
_SKUS = _OFFERS + "/{offer}/skus"
_VERSIONS = _SKUS + "/{sku}/versions"
_SNAPSHOT = _GROUP + "/snapshots/{snapshot}"
_IMAGE = _GROUP + "/images/{image}"
_GALLERY = _GROUP + "/galleries/{gallery}"
_DEFINITION = _GALLERY + "/images/{image}"
_VERSION = _DEFINITION + "/versions/{version}"


def _published(kind: str) -> list[Route]:
    """What a gallery shows to those whom it is shared with, `sharedGalleries` or `communityGalleries`."""
    action, gallery = f"{_NS}/locations/{kind}", f"{_LOCATION}/{kind}/{{gallery}}"
    image = gallery + "/images/{image}"
    return [
        Route("GET", gallery, published_galleries.get_gallery, f"{action}/read"),
        Route("GET", gallery + "/images", published_galleries.list_images, f"{action}/images/read"),
        Route("GET", image, published_galleries.get_image, f"{action}/images/read"),
        Route("GET", image + "/versions", published_galleries.list_versions, f"{action}/images/versions/read"),
        Route("GET", image + "/versions/{version}", published_galleries.get_version, f"{action}/images/versions/read"),
    ]


ROUTES: list[Route] = [
    Route("PUT", _SNAPSHOT, snapshots.create_or_update, f"{_NS}/snapshots/write"),
    Route("PATCH", _SNAPSHOT, snapshots.update, f"{_NS}/snapshots/write"),
    Route("GET", _SNAPSHOT, snapshots.get, f"{_NS}/snapshots/read"),
    Route("DELETE", _SNAPSHOT, snapshots.delete, f"{_NS}/snapshots/delete"),
    Route("POST", _SNAPSHOT + "/beginGetAccess", snapshots.begin_get_access, f"{_NS}/snapshots/beginGetAccess/action"),
    Route("POST", _SNAPSHOT + "/endGetAccess", snapshots.end_get_access, f"{_NS}/snapshots/endGetAccess/action"),
    Route("GET", _GROUP + "/snapshots", snapshots.list_, f"{_NS}/snapshots/read"),
    Route("GET", _SUBSCRIPTION + "/snapshots", snapshots.list_, f"{_NS}/snapshots/read"),
    Route("PUT", _IMAGE, images.create_or_update, f"{_NS}/images/write"),
    Route("PATCH", _IMAGE, images.update_tags, f"{_NS}/images/write"),
    Route("GET", _IMAGE, images.get, f"{_NS}/images/read"),
    Route("DELETE", _IMAGE, images.delete, f"{_NS}/images/delete"),
    Route("GET", _GROUP + "/images", images.list_, f"{_NS}/images/read"),
    Route("GET", _SUBSCRIPTION + "/images", images.list_, f"{_NS}/images/read"),
    Route("PUT", _GALLERY, galleries.create_or_update, f"{_NS}/galleries/write"),
    Route("PATCH", _GALLERY, galleries.update, f"{_NS}/galleries/write"),
    Route("GET", _GALLERY, galleries.get, f"{_NS}/galleries/read"),
    Route("DELETE", _GALLERY, galleries.delete, f"{_NS}/galleries/delete"),
    Route("POST", _GALLERY + "/share", galleries.share, f"{_NS}/galleries/share/action"),
    Route("GET", _GROUP + "/galleries", galleries.list_, f"{_NS}/galleries/read"),
    Route("GET", _SUBSCRIPTION + "/galleries", galleries.list_, f"{_NS}/galleries/read"),
    Route("PUT", _DEFINITION, gallery_images.create_or_update, f"{_NS}/galleries/images/write"),
    Route("PATCH", _DEFINITION, gallery_images.update, f"{_NS}/galleries/images/write"),
    Route("GET", _DEFINITION, gallery_images.get, f"{_NS}/galleries/images/read"),
    Route("DELETE", _DEFINITION, gallery_images.delete, f"{_NS}/galleries/images/delete"),
    Route("GET", _GALLERY + "/images", gallery_images.list_, f"{_NS}/galleries/images/read"),
    Route("PUT", _VERSION, gallery_versions.create_or_update, f"{_NS}/galleries/images/versions/write"),
    Route("PATCH", _VERSION, gallery_versions.update, f"{_NS}/galleries/images/versions/write"),
    Route("GET", _VERSION, gallery_versions.get, f"{_NS}/galleries/images/versions/read"),
    Route("DELETE", _VERSION, gallery_versions.delete, f"{_NS}/galleries/images/versions/delete"),
    Route("GET", _DEFINITION + "/versions", gallery_versions.list_, f"{_NS}/galleries/images/versions/read"),
    Route(
        "GET",
        _LOCATION + "/sharedGalleries",
        published_galleries.list_galleries,
        f"{_NS}/locations/sharedGalleries/read",
    ),
    *_published("sharedGalleries"),
    *_published("communityGalleries"),
    Route("GET", _SUBSCRIPTION + "/skus", catalog.list_skus, f"{_NS}/skus/read"),
    Route("GET", _LOCATION + "/usages", catalog.list_usages, f"{_NS}/locations/usages/read"),
    Route("GET", _LOCATION + "/vmSizes", catalog.list_sizes, f"{_NS}/locations/vmSizes/read"),
    Route("GET", _PUBLISHERS, catalog.list_publishers, f"{_NS}/locations/publishers/read"),
    Route("GET", _OFFERS, catalog.list_offers, f"{_NS}/locations/publishers/artifacttypes/offers/read"),
    Route("GET", _SKUS, catalog.list_image_skus, f"{_NS}/locations/publishers/artifacttypes/offers/skus/read"),
    Route(
        "GET",
        _VERSIONS,
        catalog.list_versions,
        f"{_NS}/locations/publishers/artifacttypes/offers/skus/versions/read",
    ),
    Route(
        "GET",
        _VERSIONS + "/{version}",
        catalog.get_version,
        f"{_NS}/locations/publishers/artifacttypes/offers/skus/versions/read",
    ),
]

HANDLERS: dict[str, Handler] = {
    **snapshots.HANDLERS,
    **images.HANDLERS,
    **galleries.HANDLERS,
    **gallery_versions.HANDLERS,
}
