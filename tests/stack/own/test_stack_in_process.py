"""`--in-process`, for machines without the emulator, gives the same responses."""

from pathlib import Path

from interlock.sandbox.wire.processes import descendants
from interlock_dev.stack.client import local_stack
from tests.stack.stacks import ROOT, link_project


def test_in_process_stack_serves_and_reports_its_limits(tmp_path: Path) -> None:
    project = link_project(tmp_path)
    hostile = ROOT / "tests" / "stack" / "plugins" / "hostile.py"
    with local_stack(project, project / "stack.log", "--in-process", "--plugin", str(hostile)) as (client, process):
        assert client.execute("hostile", "echo", {"text": "a"}).body["result"]["text"] == "a"
        assert client.execute("hostile", "os_exit", {}).code == "plugin_crashed"
        job = client.until_final(client.submit("hostile", "echo", {"text": "b"}))
        assert job["status"] == "succeeded"
        assert client.call("GET", "/v1/nothing").code == "not_found"
        runtimes = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in descendants(process.pid)]
        assert not [line for line in runtimes if b"aws-lambda-rie" in line]
    assert "Not enforced: a function's timeout, memory and permissions" in (project / "stack.log").read_text()
