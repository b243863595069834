"""EventBridge: invoke functions by the template's schedule events (`rate(1 minute)`)."""

import json
import re
import sys
import threading
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from interlock_dev.project.template import ACCOUNT, REGION, Schedule

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_SECONDS = {"minute": 60, "hour": 3600, "day": 86400}


def rate_s(expression: str) -> float | None:
    """Return the seconds of a rate expression, or None for a cron expression."""
    match = _RATE.fullmatch(expression)
    return int(match[1]) * _SECONDS[match[2]] if match else None


class Schedules:
    """Running schedules, with one thread each. `send` invokes a function asynchronously."""

    def __init__(
        self,
        schedules: Iterable[Schedule],
        send: Callable[[str, bytes], None],
        *,
        every_s: Callable[[str], float | None] = rate_s,
    ) -> None:
        self._send = send
        self._stopped = threading.Event()
        for schedule in schedules:
            interval_s = every_s(schedule.expression)
            if interval_s is None:
                sys.stderr.write(f"{schedule.rule}: {schedule.expression} is not fired here; only rate(...) is\n")
                continue
            threading.Thread(target=self._run, args=(schedule, interval_s), name=schedule.rule, daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def _run(self, schedule: Schedule, interval_s: float) -> None:
        while not self._stopped.wait(interval_s):
            self._send(schedule.function, json.dumps(scheduled_event(schedule.rule)).encode())


def scheduled_event(rule: str) -> dict[str, Any]:
    """Return the event that EventBridge sends for a rule with a schedule."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{rule}"],
        "detail": {},
    }
