"""From Azure's ways to word an error to the engine's errors."""

from __future__ import annotations

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ServiceRequestError
from azure.core.rest import HttpRequest

from cloud.errors import from_answer, from_sdk, problem_of, translated
from rollout import errors
from tests.support.wire import InMemoryResponse

SCOPE = "/subscriptions/s/resourceGroups/avd"
DENIED = (
    "The client 'x' with object id '12f8ea5c' does not have authorization to perform action "
    f"'Microsoft.Compute/disks/read' over scope '{SCOPE}' or the scope is invalid. If access was recently granted, "
    "please refresh your credentials."
)
HTML = "<!DOCTYPE html><html><head><title>404 - File or directory not found.</title></head></html>"


def wrapped(code: str, message: str) -> str:
    import json

    return json.dumps({"error": {"code": code, "message": message}})


@pytest.mark.parametrize(
    ("status", "text", "kind", "code"),
    [
        (404, wrapped("ResourceNotFound", "The Resource was not found"), errors.NotFound, "ResourceNotFound"),
        (404, wrapped("NotFound", "The entity was not found in this Azure location."), errors.NotFound, "NotFound"),
        (404, wrapped("404", "ActivityId: 1 Error: SessionHost does not exist"), errors.NotFound, "NotFound"),
        (404, HTML, errors.NotFound, "NotFound"),
        (404, "", errors.NotFound, "NotFound"),
        (409, wrapped("OperationNotAllowed", "Disk d is attached to VM v."), errors.Conflict, "OperationNotAllowed"),
        (409, wrapped("ScopeLocked", "locked"), errors.Conflict, "ScopeLocked"),
        (400, wrapped("NicInUse", "Network Interface n is used"), errors.Conflict, "NicInUse"),
        (400, wrapped("BadRequest", "no"), errors.AzureError, "BadRequest"),
        (412, '{"code": "PreconditionFailed", "message": "etag"}', errors.PreconditionFailed, "PreconditionFailed"),
        (403, wrapped("AuthorizationFailed", DENIED), errors.Forbidden, "AuthorizationFailed"),
        (401, wrapped("ExpiredAuthenticationToken", "expired"), errors.Forbidden, "ExpiredAuthenticationToken"),
        (503, "", errors.Unreachable, "Unreachable"),
        (429, wrapped("SubscriptionRequestsThrottled", "later"), errors.Unreachable, "SubscriptionRequestsThrottled"),
        (500, wrapped("InternalServerError", "oops"), errors.AzureError, "InternalServerError"),
    ],
)
def test_status_and_code(status: int, text: str, kind: type[errors.AzureError], code: str) -> None:
    error = from_answer(status, text, "GET disks/d")
    assert type(error) is kind
    assert (error.status, error.code, error.operation) == (status, code, "GET disks/d")


def test_a_missing_permission_is_named_with_the_remedy() -> None:
    error = from_answer(403, wrapped("AuthorizationFailed", DENIED), "GET disks/d")
    remedy = f"add Microsoft.Compute/disks/read to the role of the update's principal at {SCOPE}"
    assert error.message.startswith(remedy) and DENIED in error.message


def test_the_missing_permission_on_what_a_body_refers_to_is_named_not_the_one_that_is_there() -> None:
    text = (
        "The client 'x' with object id 'y' has permission to perform action "
        f"'Microsoft.Network/networkInterfaces/write' on scope '{SCOPE}/n'; however, it does not have permission to "
        "perform action(s) "
        f"'Microsoft.Network/virtualNetworks/subnets/join/action' on the linked scope(s) '{SCOPE}/s' (respectively)."
    )
    error = from_answer(403, wrapped("LinkedAuthorizationFailed", text), "PUT networkInterfaces/n")
    remedy = (
        f"add Microsoft.Network/virtualNetworks/subnets/join/action to the role of the update's principal at {SCOPE}/s"
    )
    assert error.message.startswith(remedy)


def test_details_are_part_of_the_message_but_not_json_in_text() -> None:
    text = (
        '{"error": {"code": "RetryableError", "message": "A retryable error occurred.", "details": ['
        '{"code": "ReferencedResourceNotProvisioned", "message": "Subnet x is not Succeeded."},'
        '{"code": "TooManyRequests", "message": "{\\"operationGroup\\": 1}"}]}}'
    )
    assert problem_of(text).message == "A retryable error occurred. Subnet x is not Succeeded."


def test_wrong_credentials_name_where_they_are_set() -> None:
    body = {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided."}
    request = HttpRequest("POST", "https://login.microsoftonline.com/t/oauth2/v2.0/token", content="client_secret=hush")
    response = InMemoryResponse(request, 401, body)
    error = from_sdk(
        ClientAuthenticationError("Authentication failed: AADSTS7000215: Invalid client secret", response=response),
        "GET x",
    )
    assert isinstance(error, errors.Forbidden)
    assert "AADSTS7000215" in str(error)
    assert "ARM_TENANT_ID" in str(error)
    assert "hush" not in str(error)


def test_a_401_of_arm_itself_is_no_matter_of_the_secret() -> None:
    request = HttpRequest("GET", "https://management.azure.com/subscriptions/s")
    body = {
        "error": {"code": "InvalidAuthenticationTokenTenant", "message": "The access token is from the wrong issuer."}
    }
    error = from_sdk(ClientAuthenticationError(response=InMemoryResponse(request, 401, body)), "GET x")
    assert (type(error), error.code) == (errors.Forbidden, "InvalidAuthenticationTokenTenant")
    assert "wrong issuer; the token was not accepted" in str(error)


def test_silence_names_a_remedy() -> None:
    error = from_sdk(
        ServiceRequestError("Cannot connect to host localhost:1234 ssl:default"), "GET virtualMachines/vm-0"
    )
    assert isinstance(error, errors.Unreachable)
    assert error.status == 0
    assert "localhost:1234" in str(error)
    assert "ARM_METADATA_HOSTNAME" in str(error)


def test_the_block_lets_the_engines_own_errors_pass() -> None:
    with pytest.raises(errors.LeaseLost), translated("PATCH x"):
        raise errors.LeaseLost("taken")
    with pytest.raises(errors.AzureError, match="PATCH x"), translated("PATCH x"):
        raise HttpResponseError(response=InMemoryResponse(HttpRequest("PATCH", "https://x"), 400, None))
