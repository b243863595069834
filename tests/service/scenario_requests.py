"""Requests of scenarios that make the functions call AWS in unusual ways."""

import base64
import copy
import json
from typing import Any

from tests.service.account import Account
from tests.service.replay import ROOT, event

type Json = dict[str, Any]

LARGE = "x" * 20_000
"""A text that is too large to be stored in a job's item."""


def execute_request(body: Json, **headers: str) -> Json:
    """`POST /v1/execute` with this body."""
    asked = copy.deepcopy(event("execute-ocr"))
    asked["body"] = json.dumps(body)
    asked["headers"] |= headers
    asked["multiValueHeaders"] |= {name: [value] for name, value in headers.items()}
    return asked


def thumbnail_request() -> Json:
    """A request with a large input and a large result."""
    image = base64.b64encode((ROOT / "tests" / "images" / "astronaut.png").read_bytes()).decode()
    return {"plugin": "image", "tool": "thumbnail", "input": {"image": image, "width": 256, "height": 256}}


def limited(asked: Json) -> Json:
    """The same request by a key that has limits."""
    asked = copy.deepcopy(asked)
    asked["requestContext"]["authorizer"] |= {"rate": "100/s", "concurrency": "5"}
    return asked


def image_upload(account: Account) -> Json:
    """The input of `ocr.analyze` as an upload."""
    return {
        "image": {"upload_id": account.put_upload((ROOT / "tests" / "images" / "page.png").read_bytes(), "image/png")}
    }
