"""The input that a tool requests from its client while it runs, in the terms of the Model Context Protocol.

An input request is `{"method", "params"}`, and has a key within its job. The client's response has the same key.
"""

from typing import Any

ELICITATION, SAMPLING, ROOTS = "elicitation/create", "sampling/createMessage", "roots/list"
"""The methods of input requests: a form for the person, a prompt for the model, and the folders of the client."""

METHODS = (ELICITATION, SAMPLING, ROOTS)

MAX_REQUESTS_BYTES = 16 * 1024
"""Limit of the input requests of a run. They are stored with the job, and with its error if there is no response."""

MAX_RESPONSES_BYTES = 64 * 1024
"""Limit of all responses to a job."""


def are_input_requests(value: Any) -> bool:
    """Return whether a worker process sent a map of input requests."""
    return isinstance(value, dict) and bool(value) and all(map(_is_request, value.values()))


def _is_request(value: Any) -> bool:
    return isinstance(value, dict) and value.get("method") in METHODS and isinstance(value.get("params"), dict)
