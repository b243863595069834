"""A context without a sandbox, the test images, and fixtures that run a tool."""

import base64
import io
import json
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from interlock.input_requests import InputRequest, values_of
from interlock.plugin import Plugin

IMAGES = Path(__file__).parents[2] / "images"


class FakeContext:
    """A `ToolContext` that records the reported progress."""

    job_id = "01J00000000000000000000000"
    cancelled = False
    logger = logging.getLogger("interlock.test")

    def __init__(self, temp_dir: Path) -> None:
        self.temp_dir = temp_dir
        self.deadline = datetime.now(UTC) + timedelta(seconds=20)
        self.reported: list[tuple[float, str]] = []

    def progress(self, fraction: float, message: str = "") -> None:
        self.reported.append((fraction, message))

    def can_request(self, request: type[InputRequest[Any]]) -> bool:
        return False

    def request_input[Value](self, **requests: InputRequest[Value]) -> dict[str, Value]:
        return values_of(requests, {})


@pytest.fixture
def context(tmp_path: Path) -> FakeContext:
    return FakeContext(tmp_path)


@pytest.fixture
def run(context: FakeContext) -> Callable[..., Any]:
    """Return a function that runs a tool with files as base64 and checks that the result is plain JSON."""

    def _run(plugin: type[Plugin], tool: str, **fields: object) -> Any:
        sent = {
            name: base64.b64encode(value).decode() if isinstance(value, bytes) else value
            for name, value in fields.items()
        }
        result = plugin().run(tool, sent, context)
        assert json.loads(json.dumps(result, allow_nan=False)) == result, "the result is not plain JSON"
        return result

    return _run


@pytest.fixture
def refusal(run: Callable[..., Any]) -> Callable[..., Mapping[str, str]]:
    """Return a function that runs a tool, expects `InvalidInput` with one problem, and returns the problem."""
    from interlock.domain.errors import InvalidInput

    def _refusal(plugin: type[Plugin], tool: str, **fields: object) -> Mapping[str, str]:
        with pytest.raises(InvalidInput) as caught:
            run(plugin, tool, **fields)
        [problem] = caught.value.details["errors"]
        found: Mapping[str, str] = problem
        return found

    return _refusal


@pytest.fixture
def image_file() -> Callable[[str], bytes]:
    """Return a function that reads a file in tests/images."""
    return lambda name: (IMAGES / name).read_bytes()


@pytest.fixture
def encoded() -> Callable[..., bytes]:
    """Return a function that encodes a Pillow image as a file: `encoded(image, "JPEG", quality=90)`."""

    def _encoded(image: PIL.Image.Image, format: str = "PNG", **options: Any) -> bytes:
        file = io.BytesIO()
        image.save(file, format, **options)
        return file.getvalue()

    return _encoded
