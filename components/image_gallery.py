"""The Azure Compute Gallery that holds the images of the session hosts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import compute

from components.arm_ids import group_name_of, name_of
from components.image_version import ImageDefinitionArgs, ImageVersionArgs, TargetRegionArgs

TYPE = "avd:index:ImageGallery"


@dataclass(frozen=True)
class ImageGalleryArgs:
    """A gallery is made, or an existing one is filled: name one of `gallery_name` and `gallery_id`."""

    location: str
    """Region of gallery, definitions and versions; the versions' own regions are listed with them."""
    images: Sequence[ImageDefinitionArgs]
    resource_group_name: str | None = None
    """Group of a new gallery."""
    gallery_name: str | None = None
    """A new gallery: letters, digits, dots and underscores, 80 at most
    (https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsoftcompute)."""
    gallery_id: str | None = None
    """An existing gallery, which is left as it is."""
    description: str | None = None
    tags: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        if (self.gallery_name is None) == (self.gallery_id is None):
            raise ValueError("gallery: name one of gallery_name (makes one) and gallery_id (uses one that is there)")
        if self.gallery_name is not None and self.resource_group_name is None:
            raise ValueError("gallery: gallery_name needs resource_group_name")


class ImageGallery(pulumi.ComponentResource):
    """Gallery, image definitions and their versions.

    Replication of a version takes minutes (6 to 9 in the public recordings of 2021 to 2024), and Pulumi waits for it:
    once `pulumi up` goes on to the hosts, the version can be used in each declared region.
    """

    gallery_id: pulumi.Output[str]
    image_ids: dict[str, pulumi.Output[str]]
    """By the definition's name."""
    version_ids: dict[str, pulumi.Output[str]]
    """By `<definition>/<version>`."""
    version_names: dict[str, pulumi.Output[str]]
    """By the same key: the version's own name, not known before the version is there."""
    versions: list[compute.GalleryImageVersion]
    """For `depends_on` of what uses them."""

    def __init__(self, name: str, args: ImageGalleryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(TYPE, name, {}, opts)
        group, gallery = self._gallery(name, args)
        self.image_ids, self.version_ids, self.version_names, self.versions = {}, {}, {}, []
        for image in args.images:
            definition = self._image_definition(f"{name}-{image.name}", args, group, gallery, image)
            self.image_ids[image.name] = definition.id
            for version in image.versions:
                made = self._image_version(
                    f"{name}-{image.name}-{version.name}", args, group, gallery, definition, version
                )
                self.version_ids[f"{image.name}/{version.name}"] = made.id
                self.version_names[f"{image.name}/{version.name}"] = made.name
                self.versions.append(made)
        self.register_outputs(
            {"gallery_id": self.gallery_id, "image_ids": self.image_ids, "version_ids": self.version_ids}
        )

    def _gallery(self, name: str, args: ImageGalleryArgs) -> tuple[str, pulumi.Input[str]]:
        """Resource group and name of the gallery; the name of a new one is an output, so that children wait for it."""
        if args.gallery_id is not None:
            self.gallery_id = pulumi.Output.from_input(args.gallery_id)
            return group_name_of(args.gallery_id), name_of(args.gallery_id)
        made = compute.Gallery(
            name,
            resource_group_name=args.resource_group_name,
            gallery_name=args.gallery_name,
            location=args.location,
            description=args.description,
            tags=args.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.gallery_id = made.id
        assert args.resource_group_name is not None  # __post_init__ of the args
        return args.resource_group_name, made.name

    def _image_definition(
        self, name: str, args: ImageGalleryArgs, group: str, gallery: pulumi.Input[str], image: ImageDefinitionArgs
    ) -> compute.GalleryImage:
        return compute.GalleryImage(
            name,
            resource_group_name=group,
            gallery_name=gallery,
            gallery_image_name=image.name,
            location=args.location,
            identifier={"publisher": image.publisher, "offer": image.offer, "sku": image.sku},
            os_type=image.os_type,
            os_state=image.os_state,
            hyper_v_generation=image.hyper_v_generation,
            architecture=image.architecture,
            features=[{"name": "SecurityType", "value": image.security_type}] if image.security_type else None,
            description=image.description,
            end_of_life_date=image.end_of_life,
            tags=args.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _image_version(
        self,
        name: str,
        args: ImageGalleryArgs,
        group: str,
        gallery: pulumi.Input[str],
        definition: compute.GalleryImage,
        version: ImageVersionArgs,
    ) -> compute.GalleryImageVersion:
        regions = version.target_regions or [TargetRegionArgs(args.location)]
        return compute.GalleryImageVersion(
            name,
            resource_group_name=group,
            gallery_name=gallery,
            gallery_image_name=definition.name,
            gallery_image_version_name=version.name,
            location=args.location,
            storage_profile=version.source.storage_profile(),
            publishing_profile={
                "target_regions": [
                    {
                        "name": region.name,
                        "regional_replica_count": region.replicas,
                        "storage_account_type": region.storage_account_type,
                        "exclude_from_latest": region.exclude_from_latest,
                    }
                    for region in regions
                ],
                "exclude_from_latest": version.exclude_from_latest,
                "end_of_life_date": version.end_of_life,
                "replication_mode": version.replication_mode,
            },
            tags=args.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
