"""Replay events through the functions over moto's AWS, and record the functions' AWS calls."""

import atexit
import importlib.util
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

from interlock.adapters import aws
from interlock.composition import sandbox as composed
from interlock.sandbox import Sandbox
from interlock_dev.aws.iam.calls import Need, needs
from interlock_dev.aws.iam.policies import Statement, statements
from interlock_dev.project.template import AwsType, Template

type Json = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
EVENTS = ROOT / "events"
TENANT = "dev"
JOB_ID = "01KY4QJ3HS0123456789ABCDEF"

TEMPLATE = Template(ROOT / "template.yaml")
[TABLE] = TEMPLATE.of_type(AwsType.TABLE)
[BUCKET] = TEMPLATE.of_type(AwsType.BUCKET)
QUEUES = {queue.logical_id: queue for queue in TEMPLATE.of_type(AwsType.QUEUE)}
_MACHINES = {machine.logical_id: machine for machine in TEMPLATE.of_type(AwsType.STATE_MACHINE)}
WORKFLOW, BATCH_WORKFLOW = _MACHINES["Workflow"], _MACHINES["BatchWorkflow"]
DELIVERY_WORKFLOW = _MACHINES["DeliveryWorkflow"]
_FUNCTIONS = TEMPLATE.functions()
POLICIES: Mapping[str, tuple[Statement, ...]] = {
    name: statements(name, function.policies) for name, function in _FUNCTIONS.items()
}


def event(name: str) -> Json:
    """An event of events/."""
    found: Json = json.loads((EVENTS / f"{name}.json").read_text())
    return found


def functions_by_event() -> Mapping[str, str]:
    """Return the function of each event, from the table in events/README.md."""
    rows = re.findall(r"^\| `([\w-]+)\.json` \| `(\w+)` \|", (EVENTS / "README.md").read_text(), re.MULTILINE)
    assert len({name for name, _ in rows}) == len(rows)
    return dict(rows)


FUNCTIONS = functions_by_event()


class Context:
    """The fields of Lambda's context object that the handlers use."""

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


class Replay:
    """Sends events to their functions. For each event, the function is loaded as Lambda does: from its folder, with its
    environment. `needs` are the permissions that its AWS calls needed; its policies must allow all of them."""

    def __init__(self) -> None:
        self.needs: set[Need] = set()
        self._asked: set[Need] | None = None
        aws.session.cache_clear()
        aws.session().register("request-created", self._record)

    def _record(self, **sending: Any) -> None:
        request = sending["request"]
        if self._asked is None:
            # A request of the test itself, between two events.
            return
        url, target = urlsplit(request.url), request.headers.get("X-Amz-Target", b"")
        in_host = url.netloc.partition(".s3.")[0] if ".s3." in url.netloc else ""
        path = f"/{in_host}{url.path}" if in_host else url.path
        self._asked.update(needs(request.method, path, url.query, _text(target), request.data or b""))

    def __call__(self, sent: str | Json, function: str = "") -> Any:
        """Send an event, given by its name in events/ or as a document, and return the answer."""
        function = function or FUNCTIONS[str(sent)]
        module = _module(_FUNCTIONS[function].task_root / "handler.py")
        asked: set[Need] = set()
        self._asked = asked
        answer = module.handler(event(sent) if isinstance(sent, str) else sent, Context())
        self._asked = None
        refused = [need for need in asked if not any(one.allows(need) for one in POLICIES[function])]
        assert not refused, f"{function} may not do what it does"
        self.needs |= asked
        return answer


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


@contextmanager
def replaying() -> Iterator[Replay]:
    """Replay inside an account. All functions share one sandbox, since a new one for each event takes a second."""
    with patch.object(
        composed, "Sandbox", lambda target, *, loader, preload, **_: _shared_sandbox(target, loader, preload)
    ):
        yield Replay()
    aws.session.cache_clear()


@cache
def _shared_sandbox(target: str, loader: str, preload: Sequence[str]) -> Sandbox:
    sandbox = Sandbox(target, loader=loader, preload=preload)
    atexit.register(sandbox.close)
    return sandbox


def _module(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{file.parent.name}_handler", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def http_body(answer: Any, status: int) -> Json:
    """The body of an answer to the gateway, which must have this status."""
    assert set(answer) == {"statusCode", "multiValueHeaders", "body", "isBase64Encoded"}
    assert answer["statusCode"] == status, answer["body"]
    assert answer["isBase64Encoded"] is False
    assert answer["multiValueHeaders"]["Content-Type"] == ["application/json"]
    body: Json = json.loads(answer["body"])
    return body
