"""Frames are found in a stream that other code may write to."""

import os
import struct
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.sandbox.wire.protocol import (
    HEAD_BYTES,
    MAX_LEVEL,
    MAX_TEXT,
    MAX_TEXT_BYTES,
    SLOT_BYTES,
    SMALL_FRAME_BYTES,
    TOKEN_BYTES,
    Flag,
    Frame,
    FrameReader,
    FrameType,
    Progress,
    RunHeader,
    TooLarge,
    frame_head,
    loaded_body,
    log_body,
    progress_record,
    read_log,
    read_progress,
    read_request,
    request_head,
    write_all,
)

TOKEN = b"\x01" * 8 + b"\x02" * 8
FRAMES = [
    Frame(FrameType.LOADED, Flag.WARM, loaded_body(2, "2 threads")),
    Frame(FrameType.LOG, Flag.WARM, log_body("info", "line")),
    Frame(FrameType.RESULT, Flag.RETIRE | Flag.INTERRUPTED, bytes(range(256)) * 40),
]


def written(frame: Frame) -> bytes:
    return frame_head(TOKEN, frame.kind, len(frame.body), frame.flags) + frame.body


def read(data: bytes, *, step: int | None = None, limit: int = 1 << 20) -> list[Frame]:
    reader = FrameReader(TOKEN, limit)
    step = step or max(1, len(data))
    return [frame for at in range(0, len(data), step) for frame in reader.feed(data[at : at + step])]


@pytest.mark.parametrize("step", [1, 2, 7, TOKEN_BYTES, HEAD_BYTES, 1000, None])
def test_frames_are_found_however_they_are_cut(step: int | None) -> None:
    assert read(b"".join(map(written, FRAMES)), step=step) == FRAMES


@given(
    parts=st.lists(st.tuples(st.binary(max_size=60), st.sampled_from(FRAMES)), max_size=5),
    step=st.integers(min_value=1, max_value=200),
)
def test_garbage_between_frames_is_passed_over(parts: list[tuple[bytes, Frame]], step: int) -> None:
    """Garbage includes the beginning of a token."""
    parts = [(garbage + TOKEN[:9], frame) for garbage, frame in parts]

    assert read(b"".join(garbage + written(frame) for garbage, frame in parts), step=step) == [f for _, f in parts]


def test_frames_of_another_run_are_passed_over() -> None:
    other = FrameReader(b"another token...", 100)

    assert list(other.feed(b"".join(map(written, FRAMES)))) == []


@pytest.mark.parametrize("kind", [0, 5, 255])
def test_an_unknown_kind_is_passed_over(kind: int) -> None:
    assert read(TOKEN + struct.pack(">BBQ", kind, 0, 10) + written(FRAMES[0])) == [FRAMES[0]]


def test_only_a_result_may_be_long() -> None:
    assert read(TOKEN + struct.pack(">BBQ", FrameType.LOG, 0, SMALL_FRAME_BYTES + 1) + written(FRAMES[-1])) == [
        FRAMES[-1]
    ]


def test_a_result_over_the_limit_is_seen_from_its_head() -> None:
    with pytest.raises(TooLarge) as caught:
        read(frame_head(TOKEN, FrameType.RESULT, 101), limit=100)

    assert caught.value.size_bytes == 101
    assert read(frame_head(TOKEN, FrameType.RESULT, 100) + bytes(100), limit=100)


class Counting(bytearray):
    """Counts the bytes that are searched for a token."""

    looked = 0

    def find(self, *arguments: object) -> int:
        found = super().find(*arguments)  # type: ignore[arg-type]
        self.looked += len(self) if found < 0 else found + 1
        return found


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(frame_head(TOKEN, FrameType.RESULT, 10_000_000) + bytes(10_000_000), id="one large result"),
        pytest.param(bytes(10_000_000), id="garbage"),
        pytest.param(written(FRAMES[0]) * 100_000, id="many small frames"),
        pytest.param(TOKEN * 500_000, id="tokens alone"),
    ],
)
def test_each_byte_is_looked_at_a_few_times_at_most(stream: bytes) -> None:
    reader = FrameReader(TOKEN, 1 << 30)
    buffer = reader._buffer = Counting()
    for at in range(0, len(stream), 50_000):
        for _ in reader.feed(stream[at : at + 50_000]):
            pass

    assert reader._buffer is buffer
    assert 0 < buffer.looked < 2 * len(stream)


@pytest.mark.parametrize("size", [0, 1, 10_000, 1_000_000])
def test_a_request_goes_through_a_pipe(size: int) -> None:
    header = RunHeader(os.urandom(TOKEN_BYTES), 1.5, 1 << 20, "/tmp/\udcff ä")
    reading, writing = os.pipe()

    def write() -> None:
        write_all(writing, request_head(header, size) + bytes(size))
        os.close(writing)

    writer = threading.Thread(target=write)
    writer.start()

    assert read_request(reading) == (header, bytes(size))
    assert read_request(reading) is None
    os.close(reading)
    writer.join()


@pytest.mark.parametrize("cut", [1, 20, 45, 60])
def test_incomplete_request_is_not_returned(cut: int) -> None:
    reading, writing = os.pipe()
    os.write(writing, (request_head(RunHeader(TOKEN, 1, 1, "/tmp"), 20) + bytes(20))[:cut])
    os.close(writing)

    assert read_request(reading) is None
    os.close(reading)


TOLD = Progress(7, 0.25, "half of half ä")


def test_progress_reads_back_over_any_earlier_content() -> None:
    longer = progress_record(TOKEN, Progress(6, 0.1, "x" * 500))
    record = progress_record(TOKEN, TOLD)
    assert read_progress(TOKEN, record + longer[len(record) :]) == TOLD


@pytest.mark.parametrize("fraction", [-0.1, 1.1, 1e300, float("nan"), float("inf")])
def test_progress_with_an_invalid_fraction_is_ignored(fraction: float) -> None:
    assert read_progress(TOKEN, progress_record(TOKEN, Progress(1, fraction, ""))) is None


def test_progress_of_another_run_is_passed_over() -> None:
    assert read_progress(TOKEN[::-1], progress_record(TOKEN, TOLD)) is None


@given(st.data())
def test_a_record_that_is_half_written_is_passed_over(data: st.DataObject) -> None:
    before, after = progress_record(TOKEN, TOLD), progress_record(TOKEN, Progress(8, 0.5, "half, and more"))
    cut = data.draw(st.integers(0, len(after)))
    slot = after[:cut] + before[cut:]
    assert read_progress(TOKEN, slot) in {None, TOLD, Progress(8, 0.5, "half, and more")}
    assert read_progress(TOKEN, slot) is None or slot[: len(before)] == before or slot[: len(after)] == after


@given(st.binary(max_size=200))
def test_arbitrary_bytes_in_a_slot_are_ignored(slot: bytes) -> None:
    assert read_progress(TOKEN, slot) is None
    assert read_progress(TOKEN, TOKEN + slot) is None


def test_texts_are_cut_and_made_valid() -> None:
    assert read_progress(TOKEN, progress_record(TOKEN, Progress(1, 0, "\ud800" + "ä" * 2000))) == Progress(
        1, 0, "?" + "ä" * (MAX_TEXT - 1)
    )
    assert read_log(log_body("warning", "a\0b\udcff")) == ("warning", "a\0b?")
    assert read_log(log_body("info", "€" * 1001)) == ("info", "€" * (MAX_TEXT_BYTES // 3))
    assert read_log(log_body("x" * 99, "")) == ("x" * MAX_LEVEL, "")
    assert read_log(b"\xff" * 3000) == ("\ufffd" * MAX_TEXT, "")
    assert read_log(b"") == ("", "")


def test_the_longest_texts_fit_into_a_small_frame() -> None:
    longest = "\U0001f600" * 2000

    assert HEAD_BYTES + len(log_body(longest, longest)) <= SMALL_FRAME_BYTES
    assert len(progress_record(TOKEN, Progress(2**64 - 1, 1, longest))) <= SLOT_BYTES
