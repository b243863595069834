"""Error types, their codes, and the table from codes to HTTP status codes."""

import re

import pytest

from interlock.domain import errors
from interlock.domain.errors import ERROR_TYPES, ErrorCode, ErrorInfo, InterlockError, InvalidInput
from interlock.http.responses import RETRY_AFTER_S, STATUS_BY_CODE

# The table of the HTTP contract.
CONTRACT = """
| `ValidationError` | `invalid_request`, `invalid_input`, `unknown_plugin`, `unknown_tool` | 400 |
| `PluginError` | `plugin_exception`, `plugin_crashed`, `invalid_output` | 400 |
| `PluginError` | `output_too_large`, `plugin_unavailable` | 400 |
| `ExecutionError` | `timeout`, `memory_exceeded`, `cancelled`, `worker_lost` | 400 |
| `ExecutionError` | `input_required`, `too_many_failures` | 400 |
| `AuthenticationError` | `unauthorized` | 401 |
| `PermissionError` | `forbidden` | 403 |
| `NotFoundError` | `not_found` | 404 |
| `ConflictError` | `not_finished`, `already_finished`, `expired` | 409 |
| `PayloadError` | `payload_too_large` | 413 |
| `IdempotencyError` | `idempotency_mismatch` | 422 |
| `ThrottlingError` | `rate_limited` | 429 |
| `ServiceError` | `unavailable` | 503 |
"""
ROWS = [
    (code, row[0], int(line.rstrip(" |").rpartition("| ")[2]))
    for line in CONTRACT.strip().splitlines()
    for row in [re.findall(r"`(\w+)`", line)]
    for code in row[1:]
]


def concrete(base: type[InterlockError]) -> list[type[InterlockError]]:
    return [
        one for child in base.__subclasses__() for one in (child, *concrete(child)) if one.__module__ == errors.__name__
    ]


def test_error_codes_match_the_contract() -> None:
    assert {code for code, _, _ in ROWS} == set(ErrorCode)


@pytest.mark.parametrize(("code", "error_type", "status"), ROWS)
def test_each_code_has_its_type_and_its_http_status(code: str, error_type: str, status: int) -> None:
    assert ERROR_TYPES[ErrorCode(code)] == error_type
    assert STATUS_BY_CODE.get(ErrorCode(code), 400) == status


def test_only_temporary_errors_are_retryable() -> None:
    retryable = {code for code in ErrorCode if ErrorInfo(code, "").retryable}
    assert retryable == {"worker_lost", "rate_limited", "unavailable"}


def test_codes_with_retry_after_have_a_delay() -> None:
    assert set(RETRY_AFTER_S) == {"not_finished", "rate_limited", "unavailable"}
    assert all(seconds >= 1 for seconds in RETRY_AFTER_S.values())


@pytest.mark.parametrize("error", concrete(InterlockError))
def test_each_error_has_its_own_code_and_a_default_message(error: type[InterlockError]) -> None:
    info = error().info
    assert info.code is error.code
    assert info.message == error.__doc__
    # A special case of another error shares its code and names the case in `details`.
    others = {one.code for one in concrete(InterlockError) if not issubclass(one, error) and not issubclass(error, one)}
    assert error.code not in others
    assert bool(info.details) == (error.__base__ is not InterlockError)


def test_error_carries_its_message_and_details() -> None:
    info = InvalidInput("not so", errors=[{"path": "/image", "message": "is required"}]).info
    assert info.message == "not so"
    assert info.details == {"errors": [{"path": "/image", "message": "is required"}]}
    assert (info.code, info.type, info.retryable) == ("invalid_input", "ValidationError", False)
