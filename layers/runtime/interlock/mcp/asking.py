"""Input that a call requires from its client (Multi Round-Trip Requests): the client calls again with its responses.

No job waits for the responses. A later call gets its state from `requestState`, which the client returns unchanged.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from mcp_types import CallToolRequestParams, InputResponseRequestParams, RequestParams

from interlock.domain.client_input import ELICITATION, MAX_RESPONSES_BYTES, ROOTS, SAMPLING
from interlock.domain.job import Job
from interlock.domain.json_text import as_text
from interlock.domain.outcome import NO_CLIENT_INPUT, ClientInput
from interlock.domain.parking import outstanding
from interlock.mcp.messages import invalid_params, read_params
from interlock.mcp.versions import Request, missing_capability
from interlock.ports import Clock

SECRET_NAME = "mcp"  # noqa: S105 - what the secret is called

STATE_LIFETIME = timedelta(hours=1)
"""How long a client may take to respond."""

_CAPABILITIES: Mapping[str, str] = {ELICITATION: "elicitation", SAMPLING: "sampling", ROOTS: "roots"}
"""The capability that a client declares for a method."""

_MAC_BYTES = 32


class UpdateTaskParams(RequestParams):
    """The parameters of `tasks/update`."""

    task_id: str
    input_responses: dict[str, Any]


class Asking:
    """Reads the responses that calls contain, and creates the results that request further input."""

    def __init__(self, secret: Callable[[], bytes], clock: Clock) -> None:
        """`secret` is called when the first state is signed."""
        self._secret = secret
        self._clock = clock

    def given(self, request: Request, tenant: str, params: CallToolRequestParams) -> ClientInput:
        """Return what the client can respond to, and its responses to this call so far. Raise `ProtocolError`."""
        if not request.modern:
            return ClientInput()
        before = self._opened(params.request_state, tenant, params) if params.request_state else {}
        # The responses are kept as they were sent: they may have fields that the protocol does not name.
        responses = {**before, **(request.message.params.get("inputResponses") or {})}
        check_size(responses)
        return ClientInput(_methods(request), responses=responses)

    def required(
        self, tenant: str, params: CallToolRequestParams, given: ClientInput, requests: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the result that requests input. Raise `ProtocolError` for a client that lacks a capability."""
        if not given.supports(requests):
            needed: dict[str, Any] = {_CAPABILITIES[one["method"]]: {} for one in requests.values()}
            raise missing_capability(needed)
        state = self._sealed(given.responses, tenant, params)
        return {"resultType": "input_required", "inputRequests": dict(requests), "requestState": state}

    def _sealed(self, responses: Mapping[str, Any], tenant: str, params: CallToolRequestParams) -> str:
        expires = int((self._clock() + STATE_LIFETIME).timestamp())
        text = as_text({"responses": responses, "expires": expires}).encode()
        return base64.urlsafe_b64encode(self._mac(text, tenant, params) + text).decode()

    def _opened(self, state: str, tenant: str, params: CallToolRequestParams) -> Mapping[str, Any]:
        """Return the responses in a state. Raise `ProtocolError` unless it was sealed for this call."""
        try:
            raw = base64.b64decode(state, altchars=b"-_", validate=True)
        except ValueError:
            raw = b""
        mac, text = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        # The integrity of the state is checked before any part of it is read.
        if not hmac.compare_digest(mac, self._mac(text, tenant, params)):
            raise invalid_params("Invalid params: requestState does not belong to this call. Call again without it.")
        document = json.loads(text)
        if document["expires"] < self._clock().timestamp():
            raise invalid_params("Invalid params: requestState has expired. Call again without it.")
        found: Mapping[str, Any] = document["responses"]
        return found

    def _mac(self, text: bytes, tenant: str, params: CallToolRequestParams) -> bytes:
        arguments = json.dumps(params.arguments or {}, sort_keys=True).encode()
        call = as_text([tenant, params.name, hashlib.sha256(arguments).hexdigest()]).encode()
        return hmac.digest(self._secret(), call + text, hashlib.sha256)


def read_responses(request: Request, job: Job) -> Mapping[str, Any]:
    """Return the responses of `tasks/update` to outstanding requests of the job, as they were sent. All others are
    ignored. Raise `ProtocolError` for responses that the protocol does not define, or that are too large."""
    given = read_params(request.message.params, UpdateTaskParams).input_responses
    responses = {key: given[key] for key in outstanding(job) if key in given}
    read_params({"inputResponses": responses}, InputResponseRequestParams)
    check_size({**(job.client_input or NO_CLIENT_INPUT).responses, **responses})
    return responses


def check_size(responses: Mapping[str, Any]) -> None:
    """Raise `ProtocolError` for responses that a job cannot store."""
    if len(as_text(responses)) > MAX_RESPONSES_BYTES:
        limit = f"{MAX_RESPONSES_BYTES // 1024} KiB"
        raise invalid_params(
            f"Invalid params: inputResponses are over the limit of {limit} for all responses of a call."
        )


def _methods(request: Request) -> tuple[str, ...]:
    """Return the methods of the input requests that the client supports."""
    declared = request.capabilities
    # A client that declares `url` alone shows no forms.
    modes = declared.get("elicitation")
    shows_forms = not isinstance(modes, dict) or not modes or "form" in modes
    return tuple(
        method for method, name in _CAPABILITIES.items()
        if isinstance(declared.get(name), dict) and (method != ELICITATION or shows_forms)
    )  # fmt: skip
