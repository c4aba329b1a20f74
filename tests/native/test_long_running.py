"""Operations are followed as Azure Resource Manager describes them."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import Any

import pytest

from emulator.native.long_running import ArmFailure, Cancelled, OperationFailed, body_of, follow, successful, wait_of

STATUS = "https://localhost/operations/1?api-version=2024-03-03&s=signed"
NOW = {"retry-after-ms": "1"}


@dataclass
class Answer:
    status_code: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    reason: str = "Reason"

    @property
    def content(self) -> bytes:
        return b"" if self.body is None else self.text().encode()

    def text(self) -> str:
        return self.body if isinstance(self.body, str) else json.dumps(self.body)

    def json(self) -> Any:
        return json.loads(self.text())


class Polls:
    """Gives the answers one by one and keeps the URLs it was asked for."""

    def __init__(self, *answers: Answer) -> None:
        self.answers, self.urls = list(answers), []

    def __call__(self, url: str) -> Answer:
        self.urls.append(url)
        return self.answers.pop(0)


def run(first: Answer, polls: Polls) -> Polls:
    follow(first, polls, threading.Event(), default_wait=0.0)
    assert not polls.answers
    return polls


def started(**headers: str) -> Answer:
    return Answer(201, {}, {"Azure-AsyncOperation": STATUS, **NOW, **headers})


def test_an_operation_is_polled_at_its_own_url_until_it_succeeded():
    polls = run(started(), Polls(Answer(200, {"status": "InProgress"}, NOW), Answer(200, {"status": "Succeeded"})))
    assert polls.urls == [STATUS, STATUS]


def test_the_operation_goes_before_the_location():
    assert run(started(Location="https://other"), Polls(Answer(200, {"status": "Succeeded"}))).urls == [STATUS]


def test_a_location_is_polled_until_it_is_no_202():
    first = Answer(202, None, {"Location": "/a", **NOW})
    polls = run(first, Polls(Answer(202, None, {"Location": "/b", **NOW}), Answer(202, None, NOW), Answer(204)))
    assert polls.urls == ["/a", "/b", "/b"]


def test_a_location_of_a_201_is_the_resource_and_no_operation():
    assert run(Answer(201, {}, {"Location": "/resource"}), Polls()).urls == []


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_poll_that_failed_says_nothing_about_the_operation(status):
    polls = run(started(), Polls(Answer(status, None, NOW), Answer(200, {"status": "Succeeded"})))
    assert polls.urls == [STATUS, STATUS]


@pytest.mark.parametrize("state", ["Failed", "Canceled"])
def test_a_failed_operation_tells_code_and_message_though_its_status_is_200(state):
    error = {"code": "AllocationFailed", "message": "No capacity."}
    with pytest.raises(OperationFailed, match=r'Code="AllocationFailed" Message="No capacity\."'):
        run(started(), Polls(Answer(200, {"status": state, "error": error})))


def test_a_lost_operation_is_a_failure():
    with pytest.raises(ArmFailure, match='Status=404 Code="NotFound"'):
        run(started(), Polls(Answer(404, {"error": {"code": "NotFound", "message": "gone"}})))


def test_waiting_ends_when_pulumi_cancels():
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        follow(started(), Polls(), stop, default_wait=3600.0)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 10.0),
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after-ms": "250", "Retry-After": "7"}, 0.25),
        ({"x-ms-retry-after-ms": "1500"}, 1.5),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, 10.0),
    ],
)
def test_the_wait_is_what_the_answer_says(headers, seconds):
    assert wait_of(Answer(202, None, headers), 10.0) == seconds


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": {"code": "Conflict", "message": "busy"}}, 'Status=409 Code="Conflict" Message="busy"'),
        ({"code": "PreconditionFailed", "message": "no envelope"}, 'Status=409 Code="PreconditionFailed"'),
        ("<html>an IIS page</html>", 'Status=409 Code="Reason" Message="<html>an IIS page</html>"'),
    ],
)
def test_a_failure_tells_code_and_message_in_whatever_shape_they_come(body, message):
    with pytest.raises(ArmFailure) as error:
        successful(Answer(409, body))
    assert str(error.value).startswith(message)


def test_an_empty_body_is_an_empty_object():
    assert body_of(Answer(202)) == {}
