"""Responses of the emulator: results, errors and broken environments."""

import json

import pytest

from interlock_dev.lambda_.environments import read_answer

RAISED = {"errorMessage": "boo", "errorType": "ValueError", "requestId": "1", "stackTrace": ["  File …"]}


@pytest.mark.parametrize(
    "document", ["text", None, 1, {"errorMessage": "mine"}, {"errorType": "a", "errorMessage": "b"}, {**RAISED, "a": 1}]
)
def test_results_that_resemble_errors_are_not_errors(document: object) -> None:
    answer = read_answer(200, json.dumps(document).encode())
    assert (answer.error, answer.broken, json.loads(answer.payload)) == (None, False, document)


def test_exception_is_an_error_that_keeps_the_environment() -> None:
    answer = read_answer(200, json.dumps(RAISED).encode())
    assert (answer.error, answer.broken, answer.error_message) == ("Unhandled", False, "boo")


def test_timeout_is_an_error_that_breaks_the_environment() -> None:
    answer = read_answer(200, b"Task timed out after 3.00 seconds")
    assert (answer.error, answer.broken) == ("Unhandled", True)
    assert json.loads(answer.payload) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": "Error: Task timed out after 3.00 seconds",
    }


def test_result_with_the_text_of_a_timeout_is_not_an_error() -> None:
    assert read_answer(200, b'"Task timed out after 3.00 seconds"').error is None


def test_crash_is_an_error_that_breaks_the_environment() -> None:
    answer = read_answer(502, b'{"errorType":"Runtime.ExitError","errorMessage":"exit status 3"}')
    assert (answer.error, answer.broken, answer.error_message) == ("Unhandled", True, "exit status 3")
