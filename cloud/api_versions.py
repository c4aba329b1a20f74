"""The api-versions in use: those of the installed SDK clients, so that what is read and what is written agree."""

from __future__ import annotations

VIRTUAL_MACHINES = "2026-04-01"
"""Also images, platform images and usages (azure-mgmt-compute 39)."""
DISKS = "2026-03-02"
GALLERIES = "2026-03-03"
SKUS = "2021-07-01"
NETWORK = "2026-03-01"
"""azure-mgmt-network 33."""
DESKTOP_VIRTUALIZATION = "2024-04-03"
"""azure-mgmt-desktopvirtualization 2.0."""
HOST_POOLS = "2025-10-10"
"""Reads of host pools: managementType is in no answer before 2024-04-08-preview, and an Automated pool must be known
as one. The newest version that is no preview (pulumi-azure-native lists it; that it shows managementType is inferred
from the previews before it)."""
RESOURCES = "2021-04-01"
PERMISSIONS = "2022-04-01"
"""azure-mgmt-authorization 4.0."""
LOCKS = "2020-05-01"
SERVICE_FABRIC = "2021-06-01"
"""Of clusters, for the durability of their node types; that it shows isStateless is from its specification."""
MARKETPLACE = "2015-06-01"
"""2021-01-01 says that terms are not accepted which are (azure-rest-api-specs issue 14108)."""
VAULTS = "2023-07-01"
"""Of the vault itself, for its URI."""
METADATA = "2022-09-01"
"""Of /metadata/endpoints: one object, where versions before 2022 answer a list."""
