"""Endpoint discovery, tokens, and who is calling.

Serves `/metadata/endpoints` (what ARM_METADATA_HOSTNAME points at), OpenID discovery and the client-credentials grant
of Microsoft Entra ID, and checks bearer tokens. Tokens are JWTs signed with a key that is kept with the world, so that
they outlive a restart and a reset; their lifetime is real time whatever the speed, because the credential classes of
the SDKs count real seconds.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus

from emulator import clock
from emulator.wire import ArmError, Body, Headers, Principal, Request, Response
from emulator.world import World

SECTION = "identity"
PRINCIPALS = "principals"
LIFETIME = 3599
"""Seconds of real time, as Entra answers `expires_in` for service principals."""
ARM_AUDIENCES = ("https://management.azure.com", "https://management.core.windows.net")
VAULT_AUDIENCE = "https://vault.azure.net"
GRAPH_AUDIENCE = "https://graph.microsoft.com"
MONITOR_AUDIENCE = "https://monitor.azure.com"
BATCH_AUDIENCE = "https://batch.core.windows.net"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def tenant_of(world: World) -> str:
    """The id of the emulated tenant."""
    return str(world.setting("tenant", "22222222-2222-2222-2222-222222222222"))


def answer(world: World, request: Request) -> Response | None:
    """The response of a discovery or token endpoint; None where the path is none of them."""
    segments = request.path.strip("/").split("/")
    lower = [segment.lower() for segment in segments]
    if lower == ["metadata", "endpoints"]:
        return _metadata(world, request)
    if lower[-2:] == [".well-known", "openid-configuration"] and len(segments) <= 4:
        return Response(200, _openid(world, request, segments[0]))
    if lower[1:] in (["discovery", "instance"], ["discovery", "v2.0", "instance"]):
        return Response(200, _instance(world, request))
    if lower[1:] in (["discovery", "keys"], ["discovery", "v2.0", "keys"]):
        return Response(200, {"keys": []})
    if lower[1:] in (["oauth2", "v2.0", "token"], ["oauth2", "token"]):
        return _token(world, request, segments[0])
    return None


def authenticate(world: World, request: Request) -> Principal:
    """The principal of a request's bearer token; the path says which audience it must be for.

    Raises ArmError 401 with the challenge header: AuthenticationFailed (no token), InvalidAuthenticationToken,
    ExpiredAuthenticationToken or InvalidAuthenticationTokenAudience. Wording as in azure-cli and issue reports; there
    is no recording of it.
    """
    audience = _audience(request)
    header = request.headers.find("Authorization") or ""
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise _unauthorized(
            world,
            request,
            audience,
            "AuthenticationFailed",
            "Authentication failed. The 'Authorization' header is missing.",
        )
    claims = _claims(world, token.strip())
    if claims is None:
        raise _unauthorized(world, request, audience, "InvalidAuthenticationToken", "The access token is invalid.")
    if claims["exp"] < clock.real_time():
        raise _unauthorized(
            world,
            request,
            audience,
            "ExpiredAuthenticationToken",
            f"The access token expiry UTC time '{_utc(claims['exp'])}' is earlier than current UTC time "
            f"'{_utc(clock.real_time())}'.",
        )
    accepted = _audiences(request, audience)
    if str(claims["aud"]).rstrip("/") not in accepted:
        raise _unauthorized(
            world,
            request,
            audience,
            "InvalidAuthenticationTokenAudience",
            "The access token has been obtained for wrong audience or resource "
            f"'{claims['aud']}'. It should exactly match with one of the allowed audiences '{','.join(accepted)}'.",
        )
    known = world.sections.get(PRINCIPALS, {}).get(claims["appid"])
    if known is None:
        raise _unauthorized(world, request, audience, "InvalidAuthenticationToken", "The access token is invalid.")
    return Principal(known["object_id"], known["client_id"], known["name"])


def issue(world: World, client_id: str, audience: str, *, lifetime: int = LIFETIME, base_url: str = "") -> str:
    """A token of a known principal for an audience (a resource URI)."""
    principal = world.sections[PRINCIPALS][client_id]
    tenant = tenant_of(world)
    now = int(clock.real_time())
    claims: Body = {
        "aud": audience,
        "iss": f"{base_url or 'https://sts.windows.net'}/{tenant}/",
        "iat": now,
        "nbf": now,
        "exp": now + lifetime,
        "appid": client_id,
        "azp": client_id,
        "idtyp": "app",
        "oid": principal["object_id"],
        "sub": principal["object_id"],
        "tid": tenant,
        "ver": "1.0",
    }
    if "graph" in audience:
        claims["roles"] = list(principal.get("graph_roles", []))
    signed = f"{_encode({'typ': 'JWT', 'alg': 'HS256'})}.{_encode(claims)}"
    return f"{signed}.{_signature(world, signed)}"


def environment(world: World, base_url: str) -> dict[str, str]:
    """The variables that point clients at this emulator: deployer as ARM_* and AZURE_*, updater as HOSTPOOL_*."""
    variables = {
        "ARM_METADATA_HOSTNAME": base_url.removeprefix("https://"),
        "ARM_TENANT_ID": tenant_of(world),
        "ARM_SUBSCRIPTION_ID": str(world.setting("subscription", "11111111-1111-1111-1111-111111111111")),
        "AZURE_AUTHORITY_HOST": base_url,
        "AZURE_TENANT_ID": tenant_of(world),
    }
    principals = {known["name"]: known for known in world.sections.get(PRINCIPALS, {}).values()}
    if deployer := principals.get("deployer"):
        variables |= {
            "ARM_CLIENT_ID": deployer["client_id"],
            "ARM_CLIENT_SECRET": deployer["secret"],
            "AZURE_CLIENT_ID": deployer["client_id"],
            "AZURE_CLIENT_SECRET": deployer["secret"],
        }
    if updater := principals.get("updater"):
        variables |= {
            "HOSTPOOL_CLIENT_ID": updater["client_id"],
            "HOSTPOOL_CLIENT_SECRET": updater["secret"],
            "HOSTPOOL_PRINCIPAL_ID": updater["object_id"],
        }
    return variables


# -- documents


def _metadata(world: World, request: Request) -> Response:
    """One object under 2022-09-01 (as go-azure-sdk reads it), a list of clouds under the versions before."""
    base = request.base_url
    document: Body = {
        "name": "AvdEmulator",
        "portal": base,
        "authentication": {
            "loginEndpoint": base,
            "audiences": [f"{audience}/" for audience in reversed(ARM_AUDIENCES)],
            "tenant": "common",
            "identityProvider": "AAD",
        },
        "resourceManager": base,
        "graph": f"{base}/graph",
        "graphAudience": GRAPH_AUDIENCE,
        "microsoftGraphResourceId": f"{base}/graph",
        "gallery": base,
        "media": base,
        "batch": base,
        "sqlManagement": base,
        "vmImageAliasDoc": base,
        "activeDirectoryDataLake": base,
        "appInsightsResourceId": base,
        "appInsightsTelemetryChannelResourceId": base,
        "attestationResourceId": base,
        "synapseAnalyticsResourceId": base,
        "logAnalyticsResourceId": base,
        "ossrDbmsResourceId": base,
        "suffixes": {
            # The vault itself is at <base>/keyvault/<name>: clients read vaultUri, not this suffix.
            "keyVaultDns": base.removeprefix("https://"),
            "storage": "storage.invalid",
            "acrLoginServer": "registry.invalid",
            "sqlServerHostname": "sql.invalid",
            "azureDataLakeStoreFileSystem": "datalake.invalid",
            "azureDataLakeAnalyticsCatalogAndJob": "datalake.invalid",
            "azureFrontDoorEndpointSuffix": "frontdoor.invalid",
            "storageSyncEndpointSuffix": "storagesync.invalid",
            "mhsmDns": "hsm.invalid",
            "mysqlServerEndpoint": "mysql.invalid",
            "postgresqlServerEndpoint": "postgresql.invalid",
            "mariadbServerEndpoint": "mariadb.invalid",
            "synapseAnalytics": "synapse.invalid",
            "attestationEndpoint": "attestation.invalid",
        },
    }
    if request.api_version >= "2022-09-01":
        return Response(200, document)
    if request.api_version == "2015-01-01":
        authentication = {"loginEndpoint": f"{base}/", "audiences": document["authentication"]["audiences"]}
        return Response(
            200,
            {
                "galleryEndpoint": base,
                "graphEndpoint": document["graph"],
                "portalEndpoint": base,
                "authentication": authentication,
            },
        )
    return Response(200, [document])


def _openid(world: World, request: Request, tenant: str) -> Body:
    root = f"{request.base_url}/{tenant}"
    return {
        "token_endpoint": f"{root}/oauth2/v2.0/token",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": f"{root}/discovery/v2.0/keys",
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": f"{request.base_url}/{tenant_of(world)}/v2.0",
        "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
        "device_authorization_endpoint": f"{root}/oauth2/v2.0/devicecode",
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "tid", "ver"],
        "tenant_region_scope": None,
        "cloud_instance_name": request.base_url.removeprefix("https://"),
        "cloud_graph_host_name": request.base_url.removeprefix("https://"),
        "msgraph_host": request.base_url.removeprefix("https://"),
    }


def _instance(world: World, request: Request) -> Body:
    host = request.base_url.removeprefix("https://")
    return {
        "tenant_discovery_endpoint": f"{request.base_url}/{tenant_of(world)}/v2.0/.well-known/openid-configuration",
        "api-version": "1.1",
        "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
    }


# -- tokens


def _token(world: World, request: Request, tenant: str) -> Response:
    """The client-credentials grant (form body; secret in the body or by HTTP Basic, or a federated assertion)."""
    form: dict[str, Any] = request.body if isinstance(request.body, dict) else {}
    if request.method != "POST" or not form:
        return _refused(
            world,
            400,
            "invalid_request",
            900144,
            "The request body must contain the following parameter: 'grant_type'.",
        )
    if form.get("grant_type") != "client_credentials":
        return _refused(
            world,
            400,
            "unsupported_grant_type",
            70003,
            f"The app requested an unsupported grant type '{form.get('grant_type')}'.",
        )
    client_id, secret = str(form.get("client_id", "")), form.get("client_secret")
    basic = (request.headers.find("Authorization") or "").partition(" ")
    if basic[0].lower() == "basic" and not client_id:
        name, _, password = base64.b64decode(basic[2]).decode().partition(":")
        client_id, secret = unquote_plus(name), unquote_plus(password)
    if tenant.lower() != tenant_of(world).lower():
        return _refused(
            world,
            400,
            "invalid_request",
            90002,
            f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID.",
        )
    principal = world.sections.get(PRINCIPALS, {}).get(client_id.lower())
    if principal is None:
        return _refused(
            world,
            400,
            "unauthorized_client",
            700016,
            f"Application with identifier '{client_id}' was not found in the directory '{tenant}'.",
        )
    if form.get("client_assertion") is not None:
        claims = _assertion_claims(str(form["client_assertion"]))
        known = (principal["client_id"], principal.get("subject"))
        if form.get("client_assertion_type") != ASSERTION or claims.get("sub") not in known:
            return _refused(
                world,
                401,
                "invalid_client",
                700213,
                "No matching federated identity record found for presented assertion subject.",
            )
        now = clock.real_time()
        if claims.get("exp", now + 1) <= now:
            return _refused(
                world,
                401,
                "invalid_client",
                700024,
                f"Client assertion is not within its valid time range. Current time: {_utc(now)}, "
                f"expiry time of assertion {_utc(claims['exp'])}.",
            )
    elif secret is None or not hmac.compare_digest(str(secret), principal["secret"]):
        return _refused(
            world,
            401,
            "invalid_client",
            7000215,
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, "
            f"not the client secret ID, for a secret added to app '{client_id}'.",
        )
    resource = str(form.get("resource") or str(form.get("scope", "")).removesuffix("/.default"))
    if not resource:
        return _refused(
            world, 400, "invalid_request", 900144, "The request body must contain the following parameter: 'scope'."
        )
    body = {
        "token_type": "Bearer",
        "expires_in": LIFETIME,
        "ext_expires_in": LIFETIME,
        "access_token": issue(world, client_id.lower(), resource, base_url=request.base_url),
    }
    if request.path.lower().endswith("/oauth2/token"):  # the v1 endpoint answers strings and an absolute expiry
        now = int(clock.real_time())
        body |= {
            "expires_in": str(LIFETIME),
            "ext_expires_in": str(LIFETIME),
            "expires_on": str(now + LIFETIME),
            "not_before": str(now),
            "resource": resource,
        }
    return Response(200, body, Headers({"Cache-Control": "no-store, no-cache", "Pragma": "no-cache"}))


def _assertion_claims(assertion: str) -> Body:
    """The claims of a federated assertion, none where it is no JWT. It is taken when its subject is the principal's
    federated subject or its client id, and until its end (Azure/azure-cli issue 28708 has the refusal's words).

    Its signature is not verified: the emulator has no key of the issuer (GitHub, GitLab, ...).
    """
    try:
        claims = json.loads(_decode(assertion.split(".")[1]))
    except (IndexError, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _refused(world: World, status: int, error: str, number: int, text: str) -> Response:
    trace, now = world.guid(), _utc(clock.real_time())
    description = f"AADSTS{number}: {text} Trace ID: {trace} Correlation ID: {trace} Timestamp: {now}"
    return Response(
        status,
        {
            "error": error,
            "error_description": description,
            "error_codes": [number],
            "timestamp": now,
            "trace_id": trace,
            "correlation_id": trace,
        },
    )


def _audience(request: Request) -> str:
    """Whose token a path needs: `vault`, `graph`, `monitor`, `batch` or `arm`."""
    service = request.path.lower().split("/", 2)[1:2]
    services = {"keyvault": "vault", "graph": "graph", "datacollectionrules": "monitor", "batch": "batch"}
    return services.get(service[0] if service else "", "arm")


def _audiences(request: Request, audience: str) -> list[str]:
    if audience == "vault":
        return [VAULT_AUDIENCE]
    if audience == "graph":
        return [GRAPH_AUDIENCE, f"{request.base_url}/graph"]
    if audience == "monitor":
        return [MONITOR_AUDIENCE]
    if audience == "batch":
        return [BATCH_AUDIENCE]
    return [*ARM_AUDIENCES, request.base_url]


def _unauthorized(world: World, request: Request, audience: str, code: str, message: str) -> ArmError:
    authority = f"{request.base_url}/{tenant_of(world)}"
    if audience == "vault":
        challenge = f'Bearer authorization="{authority}", resource="{VAULT_AUDIENCE}"'
        return ArmError(
            401,
            "Unauthorized",
            "AKV10000: Request is missing a Bearer or PoP token.",
            headers={"WWW-Authenticate": challenge},
        )
    challenge = f'Bearer authorization_uri="{authority}", error="invalid_token", error_description="{message}"'
    return ArmError(401, code, message, headers={"WWW-Authenticate": challenge})


def _claims(world: World, token: str) -> Body | None:
    """The claims of a token that this emulator signed; None for any other."""
    signed, _, signature = token.rpartition(".")
    if not signed or not hmac.compare_digest(signature.encode(), _signature(world, signed).encode()):
        return None
    claims: Body = json.loads(_decode(signed.split(".")[1]))
    return claims


def _signature(world: World, text: str) -> str:
    key = world.sections.setdefault(SECTION, {}).setdefault("key", hashlib.sha256(b"emulated tenant").hexdigest())
    return _base64(hmac.new(bytes.fromhex(key), text.encode(), hashlib.sha256).digest())


def _encode(value: Body) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _utc(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%m/%d/%Y %H:%M:%S")
