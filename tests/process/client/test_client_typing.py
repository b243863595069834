"""A user's code is checked against the built wheel, as a type checker sees an installed package."""

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).resolve().parents[3]

USER = """
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, assert_type

from interlock_client import AsyncInterlock, AsyncJob, Interlock, InterlockError, Job, PluginError, save_file
from interlock_client.documents import Event, Manifest, PluginHealth, Status


def use(interlock: Interlock) -> None:
    result = interlock.run("ocr.analyze", image=Path("page.png"), language="eng", timeout_s=3)
    assert_type(result, Any)
    job = interlock.submit("ocr.analyze", {"image": b"png"}, deadline_s=60)
    assert_type(job, Job)
    assert_type(job.wait(timeout=5).status, Status)
    assert_type(job.rerun(language="deu"), Job)
    assert_type(job.events(), Iterator[Event])
    for event in job.events():
        if event["type"] == "log":
            print(event["level"].upper(), event["message"])
    assert_type(interlock.jobs(status=["failed", "timed_out"]), Iterator[Job])
    assert_type(interlock.plugin("ocr"), Manifest)
    assert_type(interlock.health("ocr"), PluginHealth)
    assert_type(save_file(result["image"], "out.png"), Path)
    try:
        job.cancel(reason="not needed")
    except PluginError as error:
        assert_type(error.code, str)
    except InterlockError as error:
        assert_type(error.retryable, bool)


async def use_async(interlock: AsyncInterlock) -> None:
    job = await interlock.submit("ocr.analyze", image=b"png")
    assert_type(job, AsyncJob)
    assert_type(await job.wait(), AsyncJob)
    assert_type(job.events(), AsyncIterator[Event])
    async for one in interlock.jobs(limit=3):
        assert_type(one, AsyncJob)
"""

WRONG = """
from interlock_client import Interlock

Interlock("http://x", 7)
Interlock("http://x").jobs(status="finished")
Interlock("http://x").submit("ocr").document["statos"]
"""


def test_wheel_type_checks_the_code_of_users(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT / "client", capture_output=True, check=True, timeout=60)
    [wheel] = tmp_path.glob("interlock_client-*.whl")
    ZipFile(wheel).extractall(tmp_path / "installed")
    (tmp_path / "user.py").write_text(USER)
    (tmp_path / "wrong.py").write_text(WRONG)
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--no-color-output", "user.py", "wrong.py"],
        cwd=tmp_path,
        env={"MYPYPATH": str(tmp_path / "installed")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    lines = checked.stdout.splitlines()
    assert [line.partition(": ")[0] for line in lines[:-1] if "error:" in line] == [
        "wrong.py:4",
        "wrong.py:5",
        "wrong.py:6",
    ]
    assert lines[-1] == "Found 3 errors in 1 file (checked 2 source files)"
