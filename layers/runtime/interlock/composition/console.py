"""The console's files. Separate from `interlock.composition.core`, whose parts need AWS."""

import os
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any

import interlock
from interlock.http.console import ConsoleFiles

BUCKET_ORIGIN = "INTERLOCK_BUCKET_ORIGIN"
"""The environment variable with the origin of presigned URLs, which the console's pages may connect to."""


def console() -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Compose the handler of the console's events. Raises KeyError if the origin of the bucket is missing."""
    # Only AWS has a host for each bucket: elsewhere, URLs are those of the endpoint.
    origin = os.environ.get("AWS_ENDPOINT_URL") or os.environ[BUCKET_ORIGIN]
    return ConsoleFiles(files(interlock).joinpath("http", "static"), bucket_origin=origin).resolve
