"""Which principal the environment names, and how tokens are had."""

from __future__ import annotations

import json
import logging
import traceback
from base64 import urlsafe_b64encode
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from azure.core.exceptions import ClientAuthenticationError, ServiceResponseError
from azure.core.rest import HttpRequest
from azure.identity.aio import (
    CertificateCredential,
    ClientSecretCredential,
    DefaultAzureCredential,
    ManagedIdentityCredential,
)

from cloud.credential import OidcCredential, credential_from, settings_from
from cloud.endpoints import PUBLIC
from cloud.errors import translated
from emulator import identity, scenario
from emulator.app import Emulator
from emulator.wire import Headers, Request
from rollout.errors import Forbidden, InvalidDeclaration, Unreachable
from tests.support.wire import Answer, Scripted

SECRET = {"ARM_CLIENT_ID": "arm-id", "ARM_CLIENT_SECRET": "arm-secret", "ARM_TENANT_ID": "tenant"}
OIDC = {"ARM_CLIENT_ID": "arm-id", "ARM_TENANT_ID": "tenant", "ARM_USE_OIDC": "true"}
TOKEN = {"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": "the-token"}


def wire() -> Scripted:
    return Scripted(lambda request: (200, TOKEN))


@pytest.mark.parametrize(
    ("environment", "method", "client_id", "prefix"),
    [
        (SECRET, "secret", "arm-id", "ARM_"),
        ({**OIDC, "ARM_OIDC_TOKEN": "jwt"}, "oidc", "arm-id", "ARM_"),
        ({**SECRET, **OIDC, "ARM_OIDC_TOKEN": "jwt"}, "oidc", "arm-id", "ARM_"),
        ({**OIDC, "ACTIONS_ID_TOKEN_REQUEST_URL": "https://t"}, "oidc", "arm-id", "ARM_"),
        ({"ARM_USE_MSI": "true"}, "msi", "", "ARM_"),
        ({}, "default", "", "ARM_"),
        ({"ARM_CLIENT_ID": "arm-id"}, "default", "arm-id", "ARM_"),
        ({**SECRET, "HOSTPOOL_CLIENT_ID": "own", "HOSTPOOL_CLIENT_SECRET": "s"}, "secret", "own", "HOSTPOOL_"),
        ({**SECRET, "HOSTPOOL_CLIENT_ID": "own", "HOSTPOOL_OIDC_TOKEN": "jwt"}, "oidc", "own", "HOSTPOOL_"),
        ({**SECRET, "HOSTPOOL_USE_MSI": "1"}, "msi", "", "HOSTPOOL_"),
        (
            {
                **OIDC,
                "ARM_OIDC_TOKEN": "jwt",
                "HOSTPOOL_CLIENT_ID": "own",
                "HOSTPOOL_OIDC_AZURE_SERVICE_CONNECTION_ID": "c",
                "SYSTEM_OIDCREQUESTURI": "https://t",
                "SYSTEM_ACCESSTOKEN": "job",
            },
            "oidc",
            "own",
            "HOSTPOOL_",
        ),
        ({**OIDC, "ARM_OIDC_TOKEN": "jwt", "HOSTPOOL_CLIENT_ID": "own"}, "oidc", "own", "HOSTPOOL_"),
        (
            {**OIDC, "ARM_OIDC_TOKEN": "jwt", "HOSTPOOL_CLIENT_ID": "own", "HOSTPOOL_CLIENT_SECRET": "s"},
            "secret",
            "own",
            "HOSTPOOL_",
        ),
    ],
)
def test_the_method_and_principal(environment: dict[str, str], method: str, client_id: str, prefix: str) -> None:
    settings = settings_from(environment)
    assert (settings.method, settings.client_id, settings.prefix) == (method, client_id, prefix)


def test_the_updater_never_borrows_the_deployers_secret() -> None:
    with pytest.raises(InvalidDeclaration, match="HOSTPOOL_CLIENT_SECRET"):
        settings_from({**SECRET, "HOSTPOOL_CLIENT_ID": "own"})


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"ARM_CLIENT_ID": "arm-id", "ARM_CLIENT_SECRET": "s"}, "ARM_TENANT_ID"),
        (OIDC, "ARM_OIDC_TOKEN_FILE_PATH"),
        ({"ARM_USE_OIDC": "true", "ARM_OIDC_TOKEN": "jwt"}, "ARM_CLIENT_ID"),
        ({**OIDC, "ARM_OIDC_AZURE_SERVICE_CONNECTION_ID": "c"}, "SYSTEM_ACCESSTOKEN"),
        (
            {"ARM_CLIENT_ID": "arm-id", "ARM_TENANT_ID": "t", "ARM_CLIENT_CERTIFICATE_PATH": "/no/such.pfx"},
            "ARM_CLIENT_CERTIFICATE_PATH",
        ),
    ],
)
def test_what_is_missing_is_named(environment: dict[str, str], named: str) -> None:
    with pytest.raises(InvalidDeclaration, match=named):
        settings_from(environment)


def test_secrets_do_not_show_in_the_settings() -> None:
    assert "arm-secret" not in repr(settings_from(SECRET))
    assert "jwt-text" not in repr(settings_from({**OIDC, "ARM_OIDC_TOKEN": "jwt-text"}))


async def test_each_method_has_its_credential(tmp_path: Path) -> None:
    assert isinstance(credential_from(SECRET, PUBLIC, wire()), ClientSecretCredential)
    assert isinstance(credential_from({"ARM_USE_MSI": "true"}, PUBLIC, wire()), ManagedIdentityCredential)
    assert isinstance(credential_from({**OIDC, "ARM_OIDC_TOKEN": "jwt"}, PUBLIC, wire()), OidcCredential)
    default = credential_from({}, PUBLIC, wire())
    assert isinstance(default, DefaultAzureCredential)
    await default.close()


async def test_a_certificate_is_read_from_its_file(tmp_path: Path) -> None:
    import trustme

    certificate = trustme.CA().issue_cert("updater.example", key_type=trustme.KeyType.RSA)
    path = tmp_path / "updater.pem"
    path.write_bytes(certificate.private_key_and_cert_chain_pem.bytes())
    environment = {"ARM_CLIENT_ID": "arm-id", "ARM_TENANT_ID": "tenant", "ARM_CLIENT_CERTIFICATE_PATH": str(path)}
    transport = wire()
    credential = credential_from(environment, PUBLIC, transport)
    assert isinstance(credential, CertificateCredential)
    assert (await credential.get_token(PUBLIC.scope)).token == "the-token"
    assert "client_assertion" in form(transport.sent[0])


def test_a_certificate_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    path = tmp_path / "updater.pem"
    path.write_text("not a certificate")
    environment = {"ARM_CLIENT_ID": "arm-id", "ARM_TENANT_ID": "tenant", "ARM_CLIENT_CERTIFICATE_PATH": str(path)}
    with pytest.raises(InvalidDeclaration, match=r"ARM_CLIENT_CERTIFICATE_PATH: .*updater\.pem"):
        credential_from(environment, PUBLIC, wire())


async def test_a_secret_goes_to_the_clouds_authority() -> None:
    transport = wire()
    credential = credential_from(SECRET, PUBLIC, transport)
    assert (await credential.get_token(PUBLIC.scope)).token == "the-token"
    assert transport.sent[0].url == "https://login.microsoftonline.com/tenant/oauth2/v2.0/token"
    assert form(transport.sent[0])["scope"] == ["https://management.azure.com/.default"]


async def test_every_token_request_presents_a_fresh_assertion(tmp_path: Path) -> None:
    path = tmp_path / "assertion"
    path.write_text("first\n")
    transport = Scripted(lambda request: (200, {**TOKEN, "expires_in": 200}))  # about to end: asked for anew each time
    credential = credential_from({**OIDC, "ARM_OIDC_TOKEN_FILE_PATH": str(path)}, PUBLIC, transport)
    await credential.get_token(PUBLIC.scope)
    path.write_text("second\n")
    await credential.get_token(PUBLIC.scope)
    assert [form(request)["client_assertion"] for request in transport.sent] == [["first"], ["second"]]


async def test_a_token_is_kept_until_shortly_before_its_end() -> None:
    transport = wire()
    credential = credential_from({**OIDC, "ARM_OIDC_TOKEN": "jwt"}, PUBLIC, transport)
    await credential.get_token(PUBLIC.scope)
    await credential.get_token(PUBLIC.scope)
    await credential.get_token("https://graph.microsoft.com/.default")
    assert len(transport.sent) == 2


async def test_a_runners_request_is_exchanged_for_an_assertion() -> None:
    def answer(request: HttpRequest) -> Answer:
        if "pipelines.example" in request.url:
            assert request.headers["Authorization"] == "Bearer runner-token"
            assert "audience=api%3A%2F%2FAzureADTokenExchange" in request.url
            return 200, {"value": "github-jwt"}
        return 200, TOKEN

    transport = Scripted(answer)
    environment = {
        **OIDC,
        "ACTIONS_ID_TOKEN_REQUEST_URL": "https://pipelines.example/token?api-version=2",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "runner-token",
    }
    credential = credential_from(environment, PUBLIC, transport)
    assert (await credential.get_token(PUBLIC.scope)).token == "the-token"
    assert form(transport.sent[1])["client_assertion"] == ["github-jwt"]


async def test_azure_pipelines_is_asked_for_an_assertion_of_the_service_connection() -> None:
    def answer(request: HttpRequest) -> Answer:
        if "dev.azure.example" in request.url:
            assert request.method == "POST", "a GET is answered 405"
            assert request.url.endswith("/oidctoken?api-version=7.1&serviceConnectionId=con-1")
            assert request.headers["Authorization"] == "Bearer job-token"
            return 200, {"oidcToken": "pipelines-jwt"}
        return 200, TOKEN

    transport = Scripted(answer)
    environment = {
        **OIDC,
        "ARM_OIDC_TOKEN": "given-an-hour-ago",
        "ARM_OIDC_AZURE_SERVICE_CONNECTION_ID": "con-1",
        "SYSTEM_OIDCREQUESTURI": "https://dev.azure.example/oidctoken",
        "SYSTEM_ACCESSTOKEN": "job-token",
    }
    credential = credential_from(environment, PUBLIC, transport)
    assert (await credential.get_token(PUBLIC.scope)).token == "the-token"
    assert form(transport.sent[1])["client_assertion"] == ["pipelines-jwt"]


async def test_an_exchange_that_fails_names_the_variable_and_not_the_token() -> None:
    environment = {**OIDC, "ARM_OIDC_REQUEST_URL": "https://pipelines.example/x", "ARM_OIDC_REQUEST_TOKEN": "hush"}
    credential = credential_from(environment, PUBLIC, Scripted(lambda request: (403, {"message": "no"})))
    with pytest.raises(ClientAuthenticationError, match=r"ARM_OIDC_REQUEST_URL.*403") as caught:
        await credential.get_token(PUBLIC.scope)
    assert "hush" not in str(caught.value)


class LongRun:
    """A runner whose assertions live for five minutes, and the emulator's token endpoint, on a clock of their own."""

    def __init__(self) -> None:
        self.now = 1_768_255_200.0
        self.runner_answers = True
        self.emulator = Emulator(scenario.build("pooled", {"hosts": 0, "users": 0}))
        self.transport = Scripted(self._answer)
        client_id = identity.environment(self.emulator.world, "https://localhost")["HOSTPOOL_CLIENT_ID"]
        self.environment = {
            "HOSTPOOL_CLIENT_ID": client_id,
            "HOSTPOOL_USE_OIDC": "true",
            "ARM_TENANT_ID": identity.tenant_of(self.emulator.world),
            "ACTIONS_ID_TOKEN_REQUEST_URL": "https://runner.example/token",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "job",
        }

    def time(self) -> float:
        return self.now

    def _answer(self, request: HttpRequest) -> Answer:
        if "runner.example" in request.url:
            if not self.runner_answers:
                return 403, {}
            claims = {"sub": self.environment["HOSTPOOL_CLIENT_ID"], "exp": self.now + 300}
            return 200, {"value": f"e30.{urlsafe_b64encode(json.dumps(claims).encode()).decode()}.x"}
        body = {name: values[0] for name, values in form(request).items()}
        asked = Request("POST", urlsplit(request.url).path, {}, body=body, headers=Headers({}))
        answer = self.emulator.handle(asked)
        return answer.status, answer.body


async def test_a_rollout_of_eight_hours_is_logged_in_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each renewal presents an assertion made just before: one kept from the start is refused, as Entra does."""
    run = LongRun()
    monkeypatch.setattr("time.time", run.time)
    credential = credential_from(run.environment, PUBLIC, run.transport)
    for _ in range(8 * 60):
        assert (await credential.get_token(PUBLIC.scope)).expires_on > run.now
        run.now += 60
    exchanges = [request for request in run.transport.sent if "runner" not in request.url]
    assert len(exchanges) == 9, "one an hour, five minutes before its end"
    assert len({form(request)["client_assertion"][0] for request in exchanges}) == len(exchanges)

    kept = {**run.environment, "HOSTPOOL_OIDC_TOKEN": form(exchanges[0])["client_assertion"][0]}
    with pytest.raises(ClientAuthenticationError, match="AADSTS700024"):
        await credential_from(kept, PUBLIC, run.transport).get_token(PUBLIC.scope)


async def test_a_renewal_that_fails_is_tried_again_while_the_token_is_good(monkeypatch: pytest.MonkeyPatch) -> None:
    run = LongRun()
    monkeypatch.setattr("time.time", run.time)
    credential = credential_from(run.environment, PUBLIC, run.transport)
    first = await credential.get_token(PUBLIC.scope)
    run.now, run.runner_answers = first.expires_on - 200, False
    assert (await credential.get_token(PUBLIC.scope)) == first
    run.runner_answers = True
    second = await credential.get_token(PUBLIC.scope)
    assert second.expires_on > first.expires_on
    run.now, run.runner_answers = second.expires_on + 1.0, False
    with pytest.raises(ClientAuthenticationError, match="runner"):
        await credential.get_token(PUBLIC.scope)


MARKED = "M4rked-credential"


@pytest.mark.parametrize("environment", [
    {**SECRET, "ARM_CLIENT_SECRET": MARKED},
    {**OIDC, "ARM_OIDC_TOKEN": MARKED},
    {**OIDC, "ARM_OIDC_REQUEST_URL": "https://pipelines.example/x", "ARM_OIDC_REQUEST_TOKEN": MARKED},
    {**OIDC, "ARM_OIDC_AZURE_SERVICE_CONNECTION_ID": "c", "ARM_OIDC_REQUEST_URL": "https://pipelines.example/x",
     "ARM_OIDC_REQUEST_TOKEN": MARKED},
], ids=["client secret", "assertion", "runner's token", "pipeline's token"])  # fmt: skip
@pytest.mark.parametrize("answer", [
    (401, {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided."}),
    (200, {"token_type": "Bearer"}),
    (200, "<html>a proxy's page</html>"),
    ServiceResponseError("the connection was closed"),
], ids=["refused", "no token", "page", "broken"])  # fmt: skip
async def test_i8_no_credential_is_told_of_a_login_that_fails(
    environment: dict[str, str], answer: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither by what is raised and its causes, nor by any log at its most talkative."""
    caplog.set_level(logging.DEBUG)
    transport = Scripted(
        lambda request: (200, {"value": MARKED, "oidcToken": MARKED}) if "pipelines" in request.url else answer
    )
    credential = credential_from(environment, PUBLIC, transport)
    with pytest.raises((Forbidden, Unreachable)) as caught, translated("GET x"):
        await credential.get_token(PUBLIC.scope)
    told = "".join(traceback.format_exception(caught.value)) + f"{credential!r} {settings_from(environment)!r}"
    link: BaseException | None = caught.value
    while link is not None:
        told += f"{link!r} {link.args!r}"
        link = link.__cause__ or link.__context__
    assert MARKED in str([(request.content, request.headers) for request in transport.sent])
    assert MARKED not in told
    assert MARKED not in "".join(f"{record.getMessage()} {record.exc_text}" for record in caplog.records)


def form(request: HttpRequest) -> dict[str, list[str]]:
    content = request.content
    if isinstance(content, dict):
        return {name: [str(value)] for name, value in content.items()}
    assert content is not None, json.dumps(dict(request.headers))
    return parse_qs(content.decode() if isinstance(content, bytes) else content)
