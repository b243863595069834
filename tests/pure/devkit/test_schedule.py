"""Schedules fire like those of EventBridge."""

import json
import threading

import pytest

from interlock_dev.aws.events.schedules import Schedules, rate_s
from interlock_dev.project.template import Schedule


@pytest.mark.parametrize(
    ("expression", "seconds"),
    [("rate(1 minute)", 60), ("rate(5 minutes)", 300), ("rate(2 hours)", 7200), ("cron(0 12 * * ? *)", None)],
)
def test_rate_expression_is_converted_to_seconds(expression: str, seconds: float | None) -> None:
    assert rate_s(expression) == seconds


def test_schedule_sends_scheduled_events_until_stopped() -> None:
    sent: list[tuple[str, bytes]] = []
    fired = threading.Event()

    def send(function: str, payload: bytes) -> None:
        sent.append((function, payload))
        fired.set()

    every_minute = Schedule("SettleJobsFunction", "every-minute", "rate(1 minute)")
    schedules = Schedules([every_minute], send, every_s=lambda _: 0.01)
    assert fired.wait(5)
    schedules.stop()
    function, event = sent[0][0], json.loads(sent[0][1])
    assert function == "SettleJobsFunction"
    assert (event["source"], event["detail-type"], event["detail"]) == ("aws.events", "Scheduled Event", {})
    assert event["resources"] == ["arn:aws:events:us-east-1:123456789012:rule/every-minute"]


def test_unsupported_schedule_expression_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    Schedules([Schedule("F", "nightly", "cron(0 3 * * ? *)")], lambda *_: None)
    assert "nightly: cron(0 3 * * ? *) is not fired here" in capsys.readouterr().err
