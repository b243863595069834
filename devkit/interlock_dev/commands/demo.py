"""`interlock demo`: the main job on a real scanned page, through the local stack, over plain HTTP."""

import base64
import time
from pathlib import Path
from typing import Any

import requests
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from interlock_dev.project.paths import Project
from interlock_dev.stack.client import FINAL, POLL_S, Client, StackFailed, local_stack

FINISHED = {"ocr": 1, "deskew": 2}
"""How many jobs of each plugin the demo runs."""

console = Console(highlight=False, soft_wrap=True)


class DemoFailed(Exception):
    """The demo failed; the message is the reason."""


def run() -> int:
    """Run the demo and return 0, or 1 if it failed."""
    root = Project.find(Path.cwd()).root
    page = base64.b64encode((root / "tests" / "images" / "page.png").read_bytes()).decode()
    console.print("[bold]Starting the local stack[/bold]: real handlers in Lambda runtimes, no container, no account")
    began = time.monotonic()
    try:
        with local_stack(root, root / ".interlock" / "demo.log", "--plugin", "examples/deskew.py") as (
            client,
            _process,
        ):
            console.print(f"ready at {client.url} after {time.monotonic() - began:.1f} s\n")
            _read_page(client, page)
            _follow(client, page)
            _cancel(client, page)
            _show_health(client)
    except (DemoFailed, StackFailed, TimeoutError, requests.RequestException) as error:
        console.print(f"The demo failed: {error}", markup=False)
        return 1
    console.print("\nEverything is stopped.")
    return 0


def _call(client: Client, method: str, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
    """Send a request and print a line about it. Raise `DemoFailed` unless the response is 2xx."""
    answer = client.call(method, path, body, headers)
    if answer.status >= 300:
        raise DemoFailed(f"{method} {path} answered {answer.status}: {answer.body['error']['message']}")
    asked = "".join(f"  {name}: {value}" for name, value in headers.items())
    console.print(f"   {method} {path}{asked}  → {answer.status}", style="dim", markup=False)
    return answer.body


def _read_page(client: Client, page: str) -> None:
    console.print("[bold]1. Read a scanned page, synchronously[/bold] (tests/images/page.png, 384 x 191)")
    answer = _call(client, "POST", "/v1/execute", {"plugin": "ocr", "tool": "analyze", "input": {"image": page}})
    result = answer["result"]
    for line in result["text"].strip().splitlines():
        console.print(f"   | {line}".rstrip(), markup=False)
    words, confidence = len(result["words"]), result["mean_confidence"]
    took = f"{answer['execution_time_ms']:.0f} ms"
    console.print(f"   {words} words, mean confidence {confidence:.0%}, {took}, job {answer['job_id']}\n")


def _follow(client: Client, page: str) -> None:
    console.print("[bold]2. Measure its skew, asynchronously[/bold] (examples/deskew.py, added for this run)")
    asked = {"plugin": "deskew", "input": {"image": page, "step_deg": 0.03}}
    job = _call(client, "POST", "/v1/execute", asked, Prefer="respond-async")
    columns = TextColumn("   {task.fields[status]:9}"), BarColumn(), TextColumn("{task.description}")
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("", total=1, status=job["status"])
        while True:
            job = client.job(job["job_id"])
            told = job["progress"] or {"fraction": 0, "message": ""}
            done = 1 if job["status"] == "succeeded" else told["fraction"]
            bar.update(task, completed=done, description=told["message"], status=job["status"])
            if job["status"] in FINAL:
                break
            time.sleep(POLL_S)
    result = _call(client, "GET", f"/v1/jobs/{job['job_id']}/result")["result"]
    console.print(f"   turned by {result['angle_deg']}°, {result['angles_tried']} angles tried\n")


def _cancel(client: Client, page: str) -> None:
    console.print("[bold]3. Cancel one that would take minutes[/bold]")
    asked = {"plugin": "deskew", "input": {"image": page, "step_deg": 0.0005}}
    job_id = _call(client, "POST", "/v1/execute", asked, Prefer="respond-async")["job_id"]
    client.until(job_id, lambda job: job["status"] != "pending")
    began = time.monotonic()
    _call(client, "POST", f"/v1/jobs/{job_id}/cancel", {"reason": "changed my mind"})
    job = client.until_final(job_id)
    took = f"{time.monotonic() - began:.1f} s after the request"
    console.print(f"   {job['status']}: its process was {job['cancel']['outcome']}, {took}\n")


def _show_health(client: Client) -> None:
    console.print("[bold]4. The plugins' health[/bold]")
    for plugin, finished in FINISHED.items():
        client.until_counted(plugin, finished)
    plugins = _call(client, "GET", "/v1/plugins")["plugins"]
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("   plugin", "state", "succeeded", "failed", "timed out", "cancelled", "p50 ms"):
        table.add_column(column, justify="left" if column in {"   plugin", "state"} else "right")
    for plugin in plugins:
        health = client.call("GET", f"/v1/plugins/{plugin['name']}/health").body
        counts = [str(health[f"{name}_count"]) for name in ("success", "error", "timed_out", "cancelled")]
        p50 = "-" if health["p50_ms"] is None else f"{health['p50_ms']:.0f}"
        table.add_row(f"   {plugin['name']}", health["state"], *counts, p50)
    console.print(table)
