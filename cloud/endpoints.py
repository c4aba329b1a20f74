"""Where Azure is: the public cloud, a sovereign one, or whatever ARM_METADATA_HOSTNAME describes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from azure.core import AsyncPipelineClient
from azure.core.exceptions import AzureError as SdkError
from azure.core.pipeline.policies import AsyncRetryPolicy
from azure.core.rest import AsyncHttpResponse, HttpRequest

from cloud import api_versions
from cloud.transport import Transport
from rollout.errors import InvalidDeclaration, Unreachable

METADATA_VARIABLE = "ARM_METADATA_HOSTNAME"
ENVIRONMENT_VARIABLE = "ARM_ENVIRONMENT"

_KNOWN_AUTHORITIES = frozenset(
    {
        "login.microsoftonline.com",
        "login.microsoftonline.us",
        "login.chinacloudapi.cn",
        "login.partner.microsoftonline.cn",
    }
)
"""Hosts of Microsoft Entra ID that azure-identity and Key Vault's challenge check know."""


@dataclass(frozen=True)
class Endpoints:
    """The addresses of one cloud. URLs have no slash at the end."""

    name: str
    resource_manager: str
    audience: str
    """What tokens for Azure Resource Manager are issued for."""
    authority: str
    key_vault_dns_suffix: str
    """Such as `vault.azure.net`."""
    graph: str
    """Microsoft Graph, without its version segment."""
    monitor: str = "https://monitor.azure.com"
    """What tokens for Azure Monitor's Logs Ingestion API are issued for (learn.microsoft.com/azure/azure-monitor/logs/
    logs-ingestion-api-overview: request headers)."""

    @property
    def scope(self) -> str:
        return f"{self.audience}/.default"

    @property
    def graph_scope(self) -> str:
        return f"{self.graph}/.default"

    @property
    def monitor_scope(self) -> str:
        return f"{self.monitor}//.default"  # both slashes are part of it, as in azure-monitor-ingestion's own default

    @property
    def is_known_cloud(self) -> bool:
        """Whether the authority is one of Microsoft's own; elsewhere instance discovery and Key Vault's check that the
        challenge names the vault's domain cannot succeed."""
        return urlsplit(self.authority).hostname in _KNOWN_AUTHORITIES


PUBLIC = Endpoints(
    name="AzureCloud",
    resource_manager="https://management.azure.com",
    audience="https://management.azure.com",
    authority="https://login.microsoftonline.com",
    key_vault_dns_suffix="vault.azure.net",
    graph="https://graph.microsoft.com",
)
US_GOVERNMENT = Endpoints(
    name="AzureUSGovernment",
    resource_manager="https://management.usgovcloudapi.net",
    audience="https://management.usgovcloudapi.net",
    authority="https://login.microsoftonline.us",
    key_vault_dns_suffix="vault.usgovcloudapi.net",
    graph="https://graph.microsoft.us",
    monitor="https://monitor.azure.us",
)
CHINA = Endpoints(
    name="AzureChinaCloud",
    resource_manager="https://management.chinacloudapi.cn",
    audience="https://management.chinacloudapi.cn",
    authority="https://login.chinacloudapi.cn",
    key_vault_dns_suffix="vault.azure.cn",
    graph="https://microsoftgraph.chinacloudapi.cn",
    monitor="https://monitor.azure.cn",
)
_ENVIRONMENTS = {"": PUBLIC, "public": PUBLIC, "usgovernment": US_GOVERNMENT, "china": CHINA}
"""The names that the azure-native provider takes in ARM_ENVIRONMENT."""


async def discover(environment: Mapping[str, str], transport: Transport) -> Endpoints:
    """The endpoints the environment names.

    ARM_METADATA_HOSTNAME is asked first (a bare host gets https://), else ARM_ENVIRONMENT: public (default),
    usgovernment, china. Raises Unreachable when the metadata host does not answer, InvalidDeclaration for a value that
    cannot be used.
    """
    host = environment.get(METADATA_VARIABLE, "").strip().rstrip("/")
    if host:
        return await _ask(host if "://" in host else f"https://{host}", transport)
    name = environment.get(ENVIRONMENT_VARIABLE, "").strip()
    try:
        return _ENVIRONMENTS[name.lower()]
    except KeyError:
        raise InvalidDeclaration(
            ENVIRONMENT_VARIABLE,
            name,
            "is not a known cloud",
            "use public, usgovernment or china, or ARM_METADATA_HOSTNAME",
        ) from None


async def _ask(url: str, transport: Transport) -> Endpoints:
    if not url.lower().startswith("https://"):
        raise InvalidDeclaration(METADATA_VARIABLE, url, "is not https", "tokens are sent there: use https://")
    client: AsyncPipelineClient[HttpRequest, AsyncHttpResponse] = AsyncPipelineClient(
        url, policies=[AsyncRetryPolicy(retry_total=3, retry_backoff_factor=0.2)], transport=transport
    )
    request = HttpRequest("GET", f"{url}/metadata/endpoints", params={"api-version": api_versions.METADATA})
    try:
        response = await client.send_request(request)
        answer = response.json() if response.status_code == 200 else None
    except (SdkError, ValueError) as error:
        raise _unreachable(url, str(error)) from error
    if answer is None:
        raise _unreachable(url, f"it answered {response.status_code}")
    try:
        return from_metadata(answer)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise _unreachable(url, f"its answer lacks {error}") from error


def from_metadata(answer: Any) -> Endpoints:
    """The endpoints in the answer of `/metadata/endpoints`: one object under 2022-09-01, a list of clouds before.

    Raises KeyError, IndexError, TypeError or AttributeError where something is missing.
    """
    cloud = answer[0] if isinstance(answer, list) else answer
    resource_manager = str(cloud["resourceManager"]).rstrip("/")
    audiences = [str(audience).rstrip("/") for audience in cloud["authentication"]["audiences"]]
    host = urlsplit(resource_manager).hostname
    return Endpoints(
        name=str(cloud.get("name") or "custom"),
        resource_manager=resource_manager,
        # Of the several that the public cloud lists, the one named after the endpoint is what today's SDKs ask for.
        audience=next((a for a in audiences if urlsplit(a).hostname == host), audiences[-1]),
        authority=str(cloud["authentication"]["loginEndpoint"]).rstrip("/"),
        key_vault_dns_suffix=str(cloud["suffixes"]["keyVaultDns"]).lstrip("."),
        graph=str(cloud.get("microsoftGraphResourceId") or PUBLIC.graph).rstrip("/"),
        monitor=next(
            (known.monitor for known in _ENVIRONMENTS.values() if known.name == cloud.get("name")), PUBLIC.monitor
        ),
    )


def _unreachable(url: str, reason: str) -> Unreachable:
    return Unreachable(
        0,
        "MetadataEndpointUnreachable",
        f"no Azure endpoints from {url}: {reason}; check {METADATA_VARIABLE}, that what it names is running, and that "
        "SSL_CERT_FILE holds its certificate authority",
        "GET /metadata/endpoints",
    )
