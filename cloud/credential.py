"""Who we are to Azure: the same ARM_* and OIDC variables as the azure-native provider, else DefaultAzureCredential.

HOSTPOOL_* variables come first, so that the updater can be another principal than the one that deploys the stack. Each
is named like its ARM_* sister: HOSTPOOL_CLIENT_ID, HOSTPOOL_CLIENT_SECRET, HOSTPOOL_OIDC_TOKEN and so on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

from azure.core import AsyncPipelineClient
from azure.core.credentials import AccessToken
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError as SdkError
from azure.core.exceptions import ClientAuthenticationError
from azure.core.pipeline.policies import AsyncRetryPolicy
from azure.core.rest import AsyncHttpResponse, HttpRequest

from cloud.clock import real_time
from cloud.endpoints import Endpoints
from cloud.transport import Transport
from rollout.errors import InvalidDeclaration

OIDC_AUDIENCE = "api://AzureADTokenExchange"
"""What Entra's workload identity federation expects assertions to be issued for."""
PIPELINES_API = "7.1"
"""Version of Azure Pipelines' OIDC token request (azure-identity's AzurePipelinesCredential uses it)."""
_REFRESH_EARLY = 300
"""Seconds before its end at which a token is renewed (azure-identity's own margin)."""


@dataclass(frozen=True)
class Settings:
    """What the environment says about one principal. `prefix` is `HOSTPOOL_` or `ARM_`."""

    prefix: str
    client_id: str = ""
    tenant_id: str = ""
    client_secret: str = field(default="", repr=False)
    certificate_path: str = ""
    certificate_password: str = field(default="", repr=False)
    use_oidc: bool = False
    oidc_token: str = field(default="", repr=False)
    oidc_token_file: str = ""
    oidc_request_url: str = ""
    oidc_request_token: str = field(default="", repr=False)
    service_connection: str = ""
    """Id of the Azure Pipelines service connection whose assertions are asked for; empty on any other service."""
    use_msi: bool = False

    @property
    def method(self) -> str:
        """`oidc`, `certificate`, `secret`, `msi` or `default`."""
        if self.use_oidc:
            return "oidc"
        if self.client_id and self.certificate_path:
            return "certificate"
        if self.client_id and self.client_secret:
            return "secret"
        return "msi" if self.use_msi else "default"


def settings_from(environment: Mapping[str, str]) -> Settings:
    """The principal that the environment names. Raises InvalidDeclaration where something is missing."""

    def text(*names: str) -> str:
        return next((value for name in names if (value := environment.get(name, "").strip())), "")

    own = bool(text("HOSTPOOL_CLIENT_ID") or _true(text("HOSTPOOL_USE_MSI")))
    prefix = "HOSTPOOL_" if own else "ARM_"
    # A runner's OIDC request serves any principal that trusts it; a secret or certificate belongs to one only.
    shared = ("HOSTPOOL_", "ARM_") if own else ("ARM_",)
    token = text(f"{prefix}OIDC_TOKEN")
    token_file = text(f"{prefix}OIDC_TOKEN_FILE_PATH")
    secret = text(f"{prefix}CLIENT_SECRET")
    certificate = text(f"{prefix}CLIENT_CERTIFICATE_PATH")
    # The names of the azurerm and azapi providers; a service connection is that of one principal.
    connection = text(f"{prefix}OIDC_AZURE_SERVICE_CONNECTION_ID", f"{prefix}ADO_PIPELINE_SERVICE_CONNECTION_ID")
    use_msi = _true(text(f"{prefix}USE_MSI"))
    if own:
        use_oidc = bool(
            _true(text("HOSTPOOL_USE_OIDC"))
            or connection
            or token
            or token_file
            or (_true(text("ARM_USE_OIDC")) and not (secret or certificate or use_msi))
        )
    else:
        use_oidc = _true(text("ARM_USE_OIDC"))
    settings = Settings(
        prefix=prefix,
        client_id=text(f"{prefix}CLIENT_ID"),
        tenant_id=text(*(f"{p}TENANT_ID" for p in shared)),
        client_secret=secret,
        certificate_path=certificate,
        certificate_password=text(f"{prefix}CLIENT_CERTIFICATE_PASSWORD"),
        use_oidc=use_oidc,
        oidc_token=token or text(*(f"{p}OIDC_TOKEN" for p in shared)),
        oidc_token_file=token_file or text(*(f"{p}OIDC_TOKEN_FILE_PATH" for p in shared)),
        oidc_request_url=text(
            *(f"{p}OIDC_REQUEST_URL" for p in shared), "ACTIONS_ID_TOKEN_REQUEST_URL", "SYSTEM_OIDCREQUESTURI"
        ),
        oidc_request_token=text(
            *(f"{p}OIDC_REQUEST_TOKEN" for p in shared), "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "SYSTEM_ACCESSTOKEN"
        ),
        service_connection=connection,
        use_msi=use_msi,
    )
    _require_complete(settings)
    return settings


def _require_complete(settings: Settings) -> None:
    prefix = settings.prefix
    if settings.method in ("oidc", "certificate", "secret"):
        for name, value in (("CLIENT_ID", settings.client_id), ("TENANT_ID", settings.tenant_id)):
            if not value:
                variable = prefix + name if name == "CLIENT_ID" else "ARM_TENANT_ID"
                raise InvalidDeclaration(variable, "", f"is missing for the {settings.method} login", f"set {variable}")
    if settings.service_connection and not (settings.oidc_request_url and settings.oidc_request_token):
        raise InvalidDeclaration(
            f"{prefix}OIDC_AZURE_SERVICE_CONNECTION_ID",
            settings.service_connection,
            "can be asked for assertions in Azure Pipelines only",
            "hand the step SYSTEM_ACCESSTOKEN: $(System.AccessToken) in its env, or unset it elsewhere",
        )
    if settings.method == "oidc" and not (settings.oidc_token or settings.oidc_token_file or settings.oidc_request_url):
        raise InvalidDeclaration(
            f"{prefix}USE_OIDC",
            "true",
            "but there is no OIDC token",
            f"set {prefix}OIDC_TOKEN, {prefix}OIDC_TOKEN_FILE_PATH or {prefix}OIDC_REQUEST_URL with "
            f"{prefix}OIDC_REQUEST_TOKEN (GitHub sets the latter with `permissions: id-token: write`)",
        )
    if settings.method == "certificate" and not Path(settings.certificate_path).is_file():
        raise InvalidDeclaration(
            f"{prefix}CLIENT_CERTIFICATE_PATH", settings.certificate_path, "is not a file", "name a PFX or PEM file"
        )
    if prefix == "HOSTPOOL_" and settings.method == "default":
        raise InvalidDeclaration(
            "HOSTPOOL_CLIENT_ID",
            settings.client_id,
            "is set without a way to log in",
            "set HOSTPOOL_CLIENT_SECRET, HOSTPOOL_CLIENT_CERTIFICATE_PATH, HOSTPOOL_USE_OIDC or HOSTPOOL_USE_MSI",
        )


def credential_from(environment: Mapping[str, str], endpoints: Endpoints, transport: Transport) -> AsyncTokenCredential:
    """The credential of the principal that the environment names. The caller closes it."""
    from azure.identity import aio as identity  # 0.3 s of imports that a connection with a credential of its own saves

    settings = settings_from(environment)
    options: dict[str, Any] = {
        "authority": endpoints.authority,
        "disable_instance_discovery": not endpoints.is_known_cloud,
        "retry_total": 2,
        "retry_backoff_factor": 0.3,
    }
    match settings.method:
        case "oidc":
            return OidcCredential(settings, endpoints.authority, transport)
        case "certificate":
            try:
                return identity.CertificateCredential(
                    settings.tenant_id,
                    settings.client_id,
                    settings.certificate_path,
                    password=settings.certificate_password or None,
                    transport=transport,
                    **options,
                )
            except (ValueError, OSError) as error:
                raise InvalidDeclaration(
                    f"{settings.prefix}CLIENT_CERTIFICATE_PATH",
                    settings.certificate_path,
                    f"cannot be used: {error}",
                    "name a PFX or PEM file with its private key, and set "
                    f"{settings.prefix}CLIENT_CERTIFICATE_PASSWORD where it has a password",
                ) from error
        case "secret":
            return identity.ClientSecretCredential(
                settings.tenant_id, settings.client_id, settings.client_secret, transport=transport, **options
            )
        case "msi":
            # Without our transport: the metadata address 169.254.169.254 must not go through a proxy.
            return identity.ManagedIdentityCredential(client_id=settings.client_id or None)
        case _:
            return identity.DefaultAzureCredential(**options)


class OidcCredential:
    """Workload identity federation: every token request presents an assertion fetched just before, since an assertion
    lives for minutes (GitHub: 5, Azure/login issue 372) and a rollout for hours; one that has ended is refused with
    AADSTS700024 (Azure/azure-cli issue 28708). Where the runner's token service or Entra fails at a renewal, the token
    at hand serves until its end, as in azure-identity's own credentials."""

    def __init__(self, settings: Settings, authority: str, transport: Transport) -> None:
        self._settings = settings
        self._authority = authority
        self._transport = transport
        self._assertion = assertion_source(settings, transport)
        self._tokens: dict[tuple[str, ...], AccessToken] = {}
        self._lock = asyncio.Lock()

    async def get_token(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **kwargs: Any,
    ) -> AccessToken:
        """A token for the scopes, from memory while it is good for five minutes more."""
        async with self._lock:
            known = self._tokens.get(scopes) if claims is None else None
            left = known.expires_on - real_time() if known is not None else 0.0
            if known is not None and left > _REFRESH_EARLY:
                return known
            try:
                token = await self._exchanged(scopes, claims=claims, tenant_id=tenant_id, enable_cae=enable_cae)
            except SdkError:
                if known is None or left <= 0:
                    raise
                return known
            self._tokens[scopes] = token
            return token

    async def _exchanged(self, scopes: tuple[str, ...], **options: Any) -> AccessToken:
        """A token for a fresh assertion."""
        from azure.identity.aio import ClientAssertionCredential

        assertion = await self._assertion()
        inner = ClientAssertionCredential(
            self._settings.tenant_id,
            self._settings.client_id,
            lambda: assertion,
            authority=self._authority,
            transport=self._transport,
        )
        return await inner.get_token(*scopes, **options)

    async def close(self) -> None:
        """Nothing of its own to close: the transport is shared."""

    async def __aenter__(self) -> OidcCredential:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self._tokens.clear()


def assertion_source(settings: Settings, transport: Transport) -> Callable[[], Awaitable[str]]:
    """Where assertions come from: a request to the runner's token service where it is Azure Pipelines', whose tokens
    given beforehand (`addSpnToEnvironment`) end within the hour; a token as it stands; a file read anew each time; or
    GitHub Actions' token service."""

    async def given() -> str:
        return settings.oidc_token

    async def from_file() -> str:
        try:
            return (await asyncio.to_thread(Path(settings.oidc_token_file).read_text, "utf-8")).strip()
        except OSError as error:
            raise ClientAuthenticationError(
                f"{settings.prefix}OIDC_TOKEN_FILE_PATH {settings.oidc_token_file} cannot be read: {error.strerror}"
            ) from error

    async def requested() -> str:
        return await _request_assertion(settings, transport)

    if settings.service_connection:
        return requested
    if settings.oidc_token:
        return given
    return from_file if settings.oidc_token_file else requested


async def _request_assertion(settings: Settings, transport: Transport) -> str:
    """GitHub: GET the request URL with the audience, `{"value": "<jwt>"}` comes back (docs.github.com, "OpenID Connect
    reference"). Azure Pipelines: POST to it with the service connection, `{"oidcToken": "<jwt>"}` (azure-identity,
    AzurePipelinesCredential; a GET is answered 405, hashicorp/packer-plugin-azure issue 507)."""
    url = settings.oidc_request_url
    client: AsyncPipelineClient[HttpRequest, AsyncHttpResponse] = AsyncPipelineClient(
        url, policies=[AsyncRetryPolicy(retry_total=3)], transport=transport
    )
    joint = "&" if "?" in url else "?"
    headers = {"Authorization": f"Bearer {settings.oidc_request_token}", "Accept": "application/json"}
    if settings.service_connection:
        query, method, key = f"api-version={PIPELINES_API}&serviceConnectionId=", "POST", "oidcToken"
        query += quote(settings.service_connection, safe="")
        # Without it a token that is refused is answered by a redirect to a page.
        headers |= {"Content-Type": "application/json", "X-TFS-FedAuthRedirect": "Suppress"}
    else:
        query, method, key = f"audience={quote(OIDC_AUDIENCE, safe='')}", "GET", "value"
    try:
        response = await client.send_request(HttpRequest(method, f"{url}{joint}{query}", headers=headers))
        if response.status_code == 200:
            return str(response.json()[key])
        reason = f"it answered {response.status_code}"
    except (SdkError, ValueError, KeyError, TypeError) as error:
        reason = f"{type(error).__name__}: {error}"
    raise ClientAuthenticationError(
        f"no OIDC token from {url.partition('?')[0]} ({settings.prefix}OIDC_REQUEST_URL): {reason}"
    )


def _true(text: str) -> bool:
    return text.lower() in ("1", "true")
