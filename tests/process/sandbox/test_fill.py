"""Files are written into the directory of a run before it begins."""

import time
from collections.abc import Callable
from copy import replace
from pathlib import Path

import pytest

from interlock.domain.deadline import Deadline
from interlock.sandbox import Cancelled, CancelToken, Completed, TimedOut
from tests.process.sandbox.harness import LOSES_ZYGOTE, PATIENT, Harness


def writes(text: str) -> Callable[[str], None]:
    def fill(folder: str) -> None:
        Path(folder, "file").write_text(text)

    return fill


def test_a_run_finds_its_folder_which_is_gone_afterwards(harness: Harness) -> None:
    folders: list[str] = []

    def fill(folder: str) -> None:
        folders.append(folder)
        writes("hello")(folder)

    ending = harness.run("import os\nresult = open('file').read() + os.getcwd()", fill=fill)
    assert isinstance(ending, Completed)
    assert ending.payload.decode() == "hello" + folders[0]
    assert not Path(folders[0]).exists()
    assert harness.result("import os\nresult = os.listdir()") == "[]"


@pytest.mark.parametrize("source", ["import os\nos._exit(1)", "1/0", LOSES_ZYGOTE])
def test_files_are_gone_after_a_crash(harness: Harness, source: str) -> None:
    folders: list[str] = []

    def fill(folder: str) -> None:
        folders.append(folder)
        writes("hello")(folder)

    harness.run(source, fill=fill, on_log=harness.kill_zygote)
    assert not Path(folders[0]).exists()


def test_failure_to_fetch_runs_nothing_and_keeps_the_worker_process(harness: Harness, tmp_path: Path) -> None:
    before = harness.pid()

    def fails(folder: str) -> None:
        writes("half of")(folder)
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        harness.run(f"open({str(tmp_path / 'ran')!r}, 'w')", fill=fails)
    assert not (tmp_path / "ran").exists()
    assert harness.pid() == before
    assert harness.result("import os\nresult = os.listdir()") == "[]"


def test_a_cancel_meanwhile_is_seen_before_the_run(harness: Harness, tmp_path: Path) -> None:
    before, cancel = harness.pid(), CancelToken()
    ending = harness.run(
        f"open({str(tmp_path / 'ran')!r}, 'w')", cancel=cancel, fill=lambda _folder: cancel.set("not needed")
    )
    cancel.close()
    assert isinstance(ending, Cancelled)
    assert ending.how == "stopped"
    assert not (tmp_path / "ran").exists()
    assert harness.pid() == before


def test_time_of_fetching_counts(harness: Harness, tmp_path: Path) -> None:
    harness.pid()  # now it is loaded
    limits = replace(PATIENT, deadline=Deadline.after(0.05))
    ending = harness.run(f"open({str(tmp_path / 'ran')!r}, 'w')", limits, fill=lambda _folder: time.sleep(0.1))
    assert isinstance(ending, TimedOut)
    assert not ending.while_loading
    assert not (tmp_path / "ran").exists()


def test_time_spent_filling_counts_against_the_run(harness: Harness) -> None:
    limits = replace(PATIENT, deadline=Deadline.after(1.0))
    began = time.monotonic()
    ending = harness.run("import time\ntime.sleep(60)", limits, fill=lambda _folder: time.sleep(0.5))
    assert isinstance(ending, TimedOut)
    assert 1.0 <= time.monotonic() - began < 20


def test_code_knows_the_time_until_the_deadline(harness: Harness) -> None:
    limits = replace(PATIENT, deadline=Deadline.after(30))
    left = float(harness.result("import time\nresult = channel.deadline - time.time()", limits))
    assert 10 < left <= 30
