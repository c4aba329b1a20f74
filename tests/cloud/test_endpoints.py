"""Where Azure is."""

from __future__ import annotations

import pytest
from azure.core.exceptions import ServiceRequestError

from cloud.endpoints import PUBLIC, US_GOVERNMENT, discover
from rollout.errors import InvalidDeclaration, Unreachable
from tests.support.wire import Scripted

METADATA = {
    "name": "Local",
    "authentication": {
        "loginEndpoint": "https://localhost:1234/",
        "audiences": ["https://management.core.windows.net/", "https://management.azure.com/"],
    },
    "resourceManager": "https://localhost:1234/",
    "microsoftGraphResourceId": "https://localhost:1234/graph/",
    "suffixes": {"keyVaultDns": ".vault.localhost"},
}


async def test_the_public_cloud_needs_no_question() -> None:
    wire = Scripted(lambda request: (500, None))
    assert await discover({}, wire) == PUBLIC
    assert wire.sent == []
    assert PUBLIC.is_known_cloud
    assert PUBLIC.scope == "https://management.azure.com/.default"


async def test_arm_environment_names_a_sovereign_cloud() -> None:
    wire = Scripted(lambda request: (500, None))
    assert await discover({"ARM_ENVIRONMENT": "usGovernment"}, wire) == US_GOVERNMENT
    with pytest.raises(InvalidDeclaration, match="ARM_ENVIRONMENT: 'mars'"):
        await discover({"ARM_ENVIRONMENT": "mars"}, wire)


@pytest.mark.parametrize("host", ["localhost:1234", "https://localhost:1234", "https://localhost:1234/"])
async def test_the_metadata_host_is_asked_over_https(host: str) -> None:
    wire = Scripted(lambda request: (200, METADATA))
    found = await discover({"ARM_METADATA_HOSTNAME": host, "ARM_ENVIRONMENT": "public"}, wire)
    assert [request.url for request in wire.sent] == [
        "https://localhost:1234/metadata/endpoints?api-version=2022-09-01"
    ]
    assert found.resource_manager == "https://localhost:1234"
    assert found.authority == "https://localhost:1234"
    assert found.scope == "https://management.azure.com/.default"
    assert found.graph_scope == "https://localhost:1234/graph/.default"
    assert found.key_vault_dns_suffix == "vault.localhost"
    assert not found.is_known_cloud


async def test_an_older_list_of_clouds_is_understood_and_an_audience_of_the_endpoint_preferred() -> None:
    cloud = {
        **METADATA,
        "resourceManager": "https://management.azure.com/",
        "authentication": {
            "loginEndpoint": "https://login.microsoftonline.com",
            "audiences": ["https://management.azure.com/", "https://management.core.windows.net/"],
        },
    }
    found = await discover({"ARM_METADATA_HOSTNAME": "management.azure.com"}, Scripted(lambda request: (200, [cloud])))
    assert found.audience == "https://management.azure.com"
    assert found.is_known_cloud


@pytest.mark.parametrize(
    "answer", [(404, None), (200, {"name": "no endpoints"}), (200, []), ServiceRequestError("Connection refused")]
)
async def test_a_metadata_host_that_does_not_help_is_named_with_the_remedy(answer: object) -> None:
    wire = Scripted(lambda request: answer)  # type: ignore[arg-type,return-value]
    with pytest.raises(Unreachable, match="https://localhost:9") as caught:
        await discover({"ARM_METADATA_HOSTNAME": "localhost:9"}, wire)
    assert "ARM_METADATA_HOSTNAME" in str(caught.value)


async def test_tokens_are_never_sent_in_the_clear() -> None:
    with pytest.raises(InvalidDeclaration, match="use https://"):
        await discover({"ARM_METADATA_HOSTNAME": "http://localhost:9"}, Scripted(lambda request: (200, METADATA)))
