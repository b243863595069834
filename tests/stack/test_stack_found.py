"""Other commands use a running stack: they read its addresses and keys from its file, and invoke its functions."""

import json

import pytest

from tests.stack.invoking import Invoke
from tests.stack.stacks import ROOT, Running
from tests.stack.test_cancel import gone

pytestmark = pytest.mark.xdist_group("stack")


def test_dev_publishes_its_addresses(real: Running) -> None:
    published = real.published
    assert published["url"] == real.client.url
    assert published["api_key"] == real.client.api_key
    assert published["table"] == "interlock-dev-StateTable"
    assert published["bucket"] == "interlock-dev-bucket"
    assert published["workflow_arn"].endswith(":stateMachine:interlock-dev-jobs")
    assert published["aws_endpoint_url"].startswith("http://127.0.0.1:")
    assert not gone(published["pid"])


def test_only_the_developer_can_read_the_key(real: Running) -> None:
    assert real.state.stat().st_mode & 0o077 == 0


def test_function_that_no_gateway_calls_takes_any_event(real: Running, invoke: Invoke) -> None:
    ended = invoke(real.project, "settle_jobs", event={})
    assert ended.status == 0, ended.err


def test_sample_event_is_invoked(real: Running, invoke: Invoke) -> None:
    event = json.loads((ROOT / "events" / "health.json").read_text())
    ended = invoke(real.project, "jobs", event=event)
    assert json.loads(ended.out)["statusCode"] == 200
