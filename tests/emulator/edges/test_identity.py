"""Discovery, tokens and 401s, in process."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from emulator import identity, scenario
from emulator.wire import ArmError, Headers, Request
from tests.emulator.avd.pool import POOL, Pool

TOKEN = f"/{scenario.TENANT}/oauth2/v2.0/token"
FORM = {
    "grant_type": "client_credentials",
    "client_id": scenario.DEPLOYER["client_id"],
    "client_secret": scenario.DEPLOYER["secret"],
    "scope": "https://management.azure.com/.default",
}
BASE = "https://localhost:8443"


def _send(
    pool: Pool, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, version: str = ""
) -> Any:
    query = {"api-version": version}
    return pool.emulator.handle(Request(method, path, query, Headers(headers), body, base_url=BASE))


def _assertion(subject: str) -> str:
    parts = [{"alg": "RS256"}, {"sub": subject}]
    return ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=").decode() for p in parts) + ".x"


def test_metadata_is_one_object_under_2022_09_01_and_a_list_before() -> None:
    pool = Pool(hosts=0)
    document = _send(pool, "GET", "/metadata/endpoints", version="2022-09-01").body
    assert document["resourceManager"] == BASE
    assert document["authentication"]["loginEndpoint"] == BASE
    assert document["authentication"]["audiences"]
    older = _send(pool, "GET", "/metadata/endpoints", version="2019-05-01").body
    assert older == [document]


def test_openid_configuration_points_back_here() -> None:
    path = f"/{scenario.TENANT}/v2.0/.well-known/openid-configuration"
    document = _send(Pool(hosts=0), "GET", path).body
    assert document["token_endpoint"] == f"{BASE}{TOKEN}"
    assert document["issuer"] == f"{BASE}/{scenario.TENANT}/v2.0"


def test_token_answers_arm_calls_of_its_principal() -> None:
    pool = Pool(hosts=0)
    answer = _send(pool, "POST", TOKEN, FORM)
    assert (answer.status, answer.body["token_type"], answer.body["expires_in"]) == (200, "Bearer", 3599)
    headers = {"Authorization": f"Bearer {answer.body['access_token']}"}
    assert _send(pool, "GET", POOL, headers=headers, version="2024-04-03").status == 200


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "ffffffff-0000-4000-8000-000000000000"}, 400, "unauthorized_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"scope": ""}, 400, "invalid_request"),
    ],
)
def test_refusals_have_oauth_errors(change: dict[str, str], status: int, error: str) -> None:
    answer = _send(Pool(hosts=0), "POST", TOKEN, {**FORM, **change})
    assert (answer.status, answer.body["error"]) == (status, error)
    assert answer.body["error_description"].startswith("AADSTS")


def test_federated_assertion_is_taken_for_its_subject_only() -> None:
    form = {name: value for name, value in FORM.items() if name != "client_secret"}
    form["client_assertion_type"] = identity.ASSERTION
    pool = Pool(hosts=0)
    good = _send(pool, "POST", TOKEN, {**form, "client_assertion": _assertion(FORM["client_id"])})
    bad = _send(pool, "POST", TOKEN, {**form, "client_assertion": _assertion("repo:somebody/else")})
    assert (good.status, bad.status) == (200, 401)


def test_basic_authentication_of_the_client_is_taken() -> None:
    form = {"grant_type": "client_credentials", "scope": FORM["scope"]}
    basic = base64.b64encode(f"{FORM['client_id']}:{FORM['client_secret']}".encode()).decode()
    assert _send(Pool(hosts=0), "POST", TOKEN, form, {"Authorization": f"Basic {basic}"}).status == 200


def _code(pool: Pool, token: str | None, path: str = POOL) -> tuple[str, str]:
    headers = Headers({"Authorization": f"Bearer {token}"} if token else {})
    with pytest.raises(ArmError) as caught:
        identity.authenticate(pool.world, Request("GET", path, headers=headers, base_url=BASE))
    assert caught.value.status == 401
    return caught.value.code, caught.value.headers["WWW-Authenticate"]


def test_calls_without_a_good_token_are_401_as_arm_words_it() -> None:
    pool = Pool(hosts=0)
    client = scenario.DEPLOYER["client_id"]
    good = identity.issue(pool.world, client, "https://management.azure.com/")
    expired = identity.issue(pool.world, client, "https://management.azure.com/", lifetime=-1)
    other = identity.issue(pool.world, client, "https://vault.azure.net")
    assert _code(pool, None)[0] == "AuthenticationFailed"
    assert _code(pool, good[:-2] + "xx")[0] == "InvalidAuthenticationToken"
    assert _code(pool, expired)[0] == "ExpiredAuthenticationToken"
    assert _code(pool, other)[0] == "InvalidAuthenticationTokenAudience"
    assert f'authorization_uri="{BASE}/{scenario.TENANT}"' in _code(pool, None)[1]


def test_key_vault_answers_with_its_challenge() -> None:
    challenge = _code(Pool(hosts=0), None, "/keyvault/avd-kv/secrets/a")[1]
    assert 'resource="https://vault.azure.net"' in challenge
    assert f'authorization="{BASE}/{scenario.TENANT}"' in challenge


def test_control_api_needs_no_token_and_arm_does() -> None:
    pool = Pool(hosts=0)
    assert _send(pool, "GET", "/emulator/scenarios").status == 200
    assert _send(pool, "GET", POOL, version="2024-04-03").status == 401
