"""The events of a job: numbered once, bounded, and buffered between two writes."""

import logging
from copy import replace
from datetime import timedelta

import pytest

from interlock.domain.events import (
    EMPTY_LOG,
    MAX_LOG_BYTES,
    MAX_LOG_LINES,
    MAX_MESSAGE_BYTES,
    MAX_PROGRESS,
    TRACEBACK,
    Event,
    EventLog,
    EventType,
    dropped_event,
    log_event,
    progress_event,
    state_event,
)
from interlock.domain.job_status import JobStatus
from interlock.jobs import event_buffer as job_events
from interlock.jobs.event_buffer import LOGGED_BYTES, LOGGED_LINES, MAX_PROGRESS_MESSAGE, EventBuffer
from interlock.sandbox import LogLine
from tests.fakes.outside import NOON, ManualClock


def test_event_has_the_fields_of_its_type() -> None:
    assert log_event("info", "stdout", "hello", NOON) == Event(
        NOON, EventType.LOG, {"level": "info", "stream": "stdout", "message": "hello"}
    )
    assert dropped_event(3, NOON) == Event(
        NOON, EventType.DROPPED, {"count": 3, "message": "3 earlier events were dropped"}
    )


def lines(count: int, message: str = "{}") -> list[Event]:
    return [log_event("info", "stdout", message.format(number), NOON) for number in range(count)]


def messages(log: EventLog) -> list[str]:
    return [event.fields["message"] for event in log.events if event.type is EventType.LOG]


def marker(log: EventLog) -> Event:
    [found] = [event for event in log.events if event.type is EventType.DROPPED]
    return found


# --- The log ---


def test_events_are_numbered_in_order() -> None:
    log = EMPTY_LOG.adding(lines(2)).adding([state_event(JobStatus.RUNNING, NOON)])
    assert [(event.seq, event.type) for event in log.events] == [
        (1, EventType.LOG),
        (2, EventType.LOG),
        (3, EventType.STATE),
    ]
    assert log.last_seq == 3


def test_events_after_a_sequence_number_are_returned() -> None:
    log = EMPTY_LOG.adding(lines(3))
    assert [event.seq for event in log.after(1)] == [2, 3]
    assert log.after(0) == log.events
    assert log.after(3) == log.after(99) == ()


def test_oldest_lines_are_dropped_and_counted_by_one_event() -> None:
    log = EMPTY_LOG.adding([state_event(JobStatus.RUNNING, NOON), *lines(MAX_LOG_LINES + 5, "line {}")])
    assert messages(log) == [f"line {number}" for number in range(5, MAX_LOG_LINES + 5)]
    assert marker(log).fields == {"count": 5, "message": "5 earlier events were dropped"}
    assert [event.seq for event in log.events][:4] == [1, 6, 7, 8]
    assert marker(log).seq == 6  # the number of the last dropped line
    assert log.last_seq == MAX_LOG_LINES + 6


def test_repeated_drops_are_counted_by_one_event() -> None:
    log = EMPTY_LOG.adding(lines(MAX_LOG_LINES))
    for _ in range(3):
        log = log.adding(lines(7))
    assert marker(log).fields["count"] == 21
    assert len(log.events) == MAX_LOG_LINES + 1
    assert [event.seq for event in log.events] == list(range(21, MAX_LOG_LINES + 22))


def test_lines_dropped_before_and_in_the_log_are_counted_together() -> None:
    log = EMPTY_LOG.adding([dropped_event(100, NOON), *lines(MAX_LOG_LINES + 1)])
    assert marker(log).fields["count"] == 101
    log = log.adding([dropped_event(10, NOON)])
    assert marker(log).fields["count"] == 111
    assert marker(log).seq == log.last_seq


def test_lines_are_bounded_in_bytes() -> None:
    log = EMPTY_LOG.adding(lines(200, "{:03}" + "ä" * 498))
    kept = MAX_LOG_BYTES // 999
    assert [message[:3] for message in messages(log)] == [f"{number:03}" for number in range(200 - kept, 200)]
    assert marker(log).fields["count"] == 200 - kept


def test_lines_of_exactly_the_permitted_bytes_are_kept() -> None:
    news = [*lines(MAX_LOG_BYTES // 1000, "x" * 1000), *lines(1, "x" * (MAX_LOG_BYTES % 1000))]
    assert sum(map(len, messages(EMPTY_LOG.adding(news)))) == MAX_LOG_BYTES


def test_drop_has_the_time_of_the_last_dropped_line() -> None:
    later = NOON + timedelta(seconds=3)
    news = [*lines(1), log_event("info", "stdout", "dropped", later), *lines(MAX_LOG_LINES)]
    assert marker(EMPTY_LOG.adding(news)) == replace(dropped_event(2, later), seq=2)


def test_last_progress_and_all_states_are_kept() -> None:
    states = [state_event(status, NOON) for status in JobStatus]
    reports = [progress_event(number / 1000, "", NOON) for number in range(MAX_PROGRESS + 3)]
    log = EMPTY_LOG.adding([*states, *reports, *lines(MAX_LOG_LINES * 2)])
    assert [event.fields["status"] for event in log.events if event.type is EventType.STATE] == list(JobStatus)
    kept = [event.fields["fraction"] for event in log.events if event.type is EventType.PROGRESS]
    assert kept == [number / 1000 for number in range(3, MAX_PROGRESS + 3)]
    assert marker(log).fields["count"] == 3 + MAX_LOG_LINES
    seqs = [event.seq for event in log.events]
    assert seqs == sorted(set(seqs))


def test_long_message_is_cut_between_two_characters() -> None:
    cut = log_event("info", "stdout", "x" + "ä" * MAX_MESSAGE_BYTES, NOON).fields["message"]
    assert cut == "x" + "ä" * ((MAX_MESSAGE_BYTES - 1) // 2)
    assert log_event("info", "stdout", "half \ud800", NOON).fields["message"] == "half ?"


def test_arrived_events_are_distinguished_from_lost_ones() -> None:
    news = lines(2, "same") + lines(3)
    log = EMPTY_LOG.adding(lines(1, "same"))
    assert log.adding(news[:2]).lacks(news, log.last_seq) == news[2:]
    assert log.lacks(news, log.last_seq) == news  # an equal event from before the write does not count


# --- The buffer ---


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def buffer(clock: ManualClock) -> EventBuffer:
    return EventBuffer("01J", clock)


def test_buffered_events_are_taken_once_and_in_order(buffer: EventBuffer, clock: ManualClock) -> None:
    buffer.add_line(LogLine("stdout", "one"))
    clock.advance(1)
    buffer.add_progress(0.5, "half")
    clock.advance(1)
    buffer.add_line(LogLine("log", "two", "debug"))
    taken = buffer.take()
    assert taken == [
        log_event("info", "stdout", "one", NOON),
        progress_event(0.5, "half", NOON + timedelta(seconds=1)),
        log_event("debug", "log", "two", NOON + timedelta(seconds=2)),
    ]
    assert buffer.take() == []
    assert buffer.progress is not None


def test_buffer_holds_no_more_than_a_job_keeps(buffer: EventBuffer) -> None:
    for number in range(MAX_LOG_LINES + 3):
        buffer.add_line(LogLine("stdout", str(number)))
    buffer.add_line(LogLine("stdout", "2 lines were dropped", dropped=2))
    first, *rest = buffer.take()
    assert (first.type, first.fields["count"]) == (EventType.DROPPED, 5)
    assert [event.fields["message"] for event in rest] == [str(number) for number in range(3, MAX_LOG_LINES + 3)]


def test_events_put_back_are_taken_first(buffer: EventBuffer, clock: ManualClock) -> None:
    buffer.add_line(LogLine("stdout", "one"))
    buffer.add_line(LogLine("stdout", "3 lines were dropped", dropped=3))
    buffer.add_progress(0.1, "")
    failed = buffer.take()
    clock.advance(1)
    buffer.add_line(LogLine("stdout", "two"))
    buffer.put_back(failed)
    assert [(event.type, event.fields.get("message")) for event in buffer.take()] == [
        (EventType.DROPPED, "3 earlier events were dropped"),
        (EventType.LOG, "one"),
        (EventType.PROGRESS, ""),
        (EventType.LOG, "two"),
    ]


def test_put_back_is_bounded_and_newer_progress_stays(buffer: EventBuffer) -> None:
    buffer.add_progress(0.1, "old")
    for number in range(MAX_LOG_LINES):
        buffer.add_line(LogLine("stdout", f"old {number}"))
    failed = buffer.take()
    buffer.add_progress(0.2, "new")
    buffer.add_line(LogLine("stdout", "new"))
    buffer.put_back(failed)
    taken = buffer.take()
    assert taken[0].fields["count"] == 1
    assert len(taken) == MAX_LOG_LINES + 2
    assert [event.fields["message"] for event in taken if event.type is EventType.PROGRESS] == ["new"]


def test_progress_is_limited_to_its_bounds(buffer: EventBuffer) -> None:
    buffer.add_progress(7, "x" * 1000)
    assert buffer.progress is not None
    assert (buffer.progress.fraction, len(buffer.progress.message)) == (1.0, MAX_PROGRESS_MESSAGE)


def test_traceback_is_one_error_record_of_the_function_log_only(
    buffer: EventBuffer, caplog: pytest.LogCaptureFixture
) -> None:
    lines = ["Traceback (most recent call last):", '  File "/opt/python/plugin.py", line 1', "KeyError: 'x'"]
    with caplog.at_level(logging.INFO):
        for line in (LogLine("stdout", "before"), *(LogLine("log", line, level=TRACEBACK) for line in lines)):
            buffer.add_line(line)
        buffer.close()
    assert [event.fields["message"] for event in buffer.take()] == ["before"]
    output, trace = caplog.records
    assert (output.levelname, vars(output)["line"]) == ("INFO", "before")
    assert (trace.levelname, trace.name, vars(trace)["job_id"]) == ("ERROR", "interlock.jobs.event_buffer", "01J")
    assert vars(trace)["stack"] == "\n".join(lines)


def test_traceback_ends_with_the_next_line_of_output(buffer: EventBuffer, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        buffer.add_line(LogLine("log", "plugin.py:1: UserWarning: hello", level=TRACEBACK))
        buffer.add_line(LogLine("log", "trouble", level="error"))
        buffer.add_line(LogLine("stderr", "a line"))
    assert [(one.levelname, one.getMessage()) for one in caplog.records] == [
        ("WARNING", "plugin traceback"),
        ("ERROR", "plugin output"),
        ("WARNING", "plugin output"),
    ]


def test_function_log_keeps_the_first_lines_and_counts_the_rest(
    buffer: EventBuffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[str] = []
    left_out: list[int] = []
    monkeypatch.setattr(job_events.logger, "log", lambda _level, _message, extra: logged.append(extra["line"]))
    monkeypatch.setattr(job_events.logger, "warning", lambda _message, extra: left_out.append(extra["lines"]))
    for number in range(LOGGED_LINES + 4):
        buffer.add_line(LogLine("stdout", str(number)))
    buffer.add_line(LogLine("stdout", "6 lines were dropped", dropped=6))
    buffer.close()
    assert logged == [str(number) for number in range(LOGGED_LINES)]
    assert left_out == [10]


def test_function_log_is_bounded_in_bytes(buffer: EventBuffer, monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[str] = []
    monkeypatch.setattr(job_events.logger, "log", lambda _level, _message, extra: logged.append(extra["line"]))
    for size in (LOGGED_BYTES // 2, LOGGED_BYTES, 1):
        buffer.add_line(LogLine("stdout", "x" * size))
    assert [len(line) for line in logged] == [LOGGED_BYTES // 2]  # nothing after the first line over the limit
