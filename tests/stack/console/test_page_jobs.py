"""Jobs in the console: followed, cancelled, run again, failed, and found."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import expect

from interlock_dev.stack.client import Client
from tests.stack.console.conftest import Open, assert_accessible
from tests.stack.mcp_client import Tasks, connected
from tests.stack.test_mcp_input import Person, asked_task
from tests.stack.webhook_receiver import Reply, receiving

pytestmark = pytest.mark.xdist_group("stack")


def submit(client: Client, tool: str = "work", plugin: str = "workshop", **input: object) -> str:
    return client.submit(plugin, tool, input)


def test_background_job_is_followed_to_its_result(open_page: Open, tmp_path: Path) -> None:
    page = open_page("#/plugins/workshop/work")
    page.get_by_label("Seconds").fill("1")
    page.get_by_label("Until").fill(str(tmp_path / "go on"))
    page.get_by_role("button", name="Run in the background").click()
    page.wait_for_url(re.compile("#/jobs/"))
    expect(page.get_by_label("Progress")).to_be_visible()
    expect(page.locator(".progress-text")).to_contain_text("step 4 of 4")
    (tmp_path / "go on").touch()
    expect(page.locator(".page-head .status")).to_have_text("Succeeded")
    expect(page.get_by_role("log")).to_contain_text("step 4 of 4")
    expect(page.locator(".moments li")).to_have_text([re.compile(one) for one in ("Queued", "Started", "Succeeded")])
    expect(page.locator(".result .facts")).to_contain_text("4")
    assert_accessible(page)


def test_cancelled_job_shows_how_it_was_stopped(open_page: Open, client: Client) -> None:
    page = open_page(f"#/jobs/{submit(client, seconds=30)}")
    expect(page.get_by_role("log")).to_contain_text("step 1")
    page.get_by_role("button", name="Cancel the job").click()
    expect(page.locator(".page-head .status")).to_have_text("Cancelled")
    expect(page.locator(".cancellation")).to_contain_text("Cancelled: stopped")
    expect(page.locator(".cancellation")).to_contain_text("cancelled in the console")
    expect(page.get_by_role("button", name="Cancel the job")).to_have_count(0)


def test_parked_job_shows_what_it_requests_until_it_is_cancelled(open_page: Open, client: Client) -> None:
    async def parked() -> str:
        async with connected(client, Tasks(), elicit=Person()) as agent:
            return (await asked_task(agent)).task_id

    with ThreadPoolExecutor(1) as other:  # the thread of the browser has an event loop
        job_id = other.submit(lambda: asyncio.run(parked())).result()
    page = open_page(f"#/jobs/{job_id}")
    expect(page.locator(".waiting")).to_have_text(re.compile("Waits for its client.*person.*Who are you?", re.DOTALL))
    assert_accessible(page)
    page.get_by_role("button", name="Cancel the job").click()
    expect(page.locator(".page-head .status")).to_have_text("Cancelled")
    expect(page.locator(".waiting")).to_have_count(0)


def test_job_of_another_tab_is_run_again_with_one_field_changed(open_page: Open, client: Client) -> None:
    job_id = submit(client, seconds=0, steps=7)
    client.until_final(job_id)
    page = open_page(f"#/jobs/{job_id}")
    page.get_by_role("button", name="Run again…").click()
    page.get_by_label("Steps").fill("2")
    assert_accessible(page)
    with page.expect_request("**/rerun") as sent:
        page.get_by_role("button", name="Run again", exact=True).click()
    assert sent.value.post_data_json == {"input": {"steps": 2}}
    page.wait_for_url(lambda url: "#/jobs/" in url and not url.endswith(job_id))
    expect(page.locator(".result .facts")).to_contain_text("2")
    expect(page.get_by_role("link", name=f"…{job_id[-8:]}")).to_be_visible()


def test_job_of_an_agent_names_it(open_page: Open, client: Client) -> None:
    prefix = "io.modelcontextprotocol"
    said = {
        f"{prefix}/protocolVersion": "2026-07-28",
        f"{prefix}/clientInfo": {"name": "agent", "version": "4.2"},
        f"{prefix}/clientCapabilities": {"extensions": {f"{prefix}/tasks": {}}},
    }
    tool = "workshop-work"
    params = {"name": tool, "arguments": {"seconds": 0}, "_meta": said}
    headers = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": tool}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    task = client.call("POST", "/mcp", message, headers).body["result"]
    page = open_page(f"#/jobs/{task['taskId']}")
    expect(page.locator("main")).to_contain_text("by agent 4.2 (MCP)")


def test_job_of_this_tab_is_run_again_from_its_input(open_page: Open) -> None:
    page = open_page("#/plugins/workshop/work")
    page.get_by_label("Seconds").fill("0")
    page.get_by_label("Steps").fill("3")
    page.get_by_role("button", name="Run in the background").click()
    page.wait_for_url(re.compile("#/jobs/"))
    page.get_by_role("button", name="Run again…").click()
    expect(page.get_by_label("Steps")).to_have_value("3")
    page.get_by_label("Steps").fill("5")
    with page.expect_request("**/rerun") as sent:
        page.get_by_role("button", name="Run again", exact=True).click()
    assert sent.value.post_data_json == {"input": {"steps": 5}}


def test_deliveries_of_a_webhook_are_shown_and_sent_again(open_page: Open, client: Client) -> None:
    with receiving({"/hook": [Reply(410)]}) as receiver:
        webhook = {"url": f"{receiver.url}/hook", "events": ["started", "finished"]}
        job_id = client.submit("workshop", "work", {"seconds": 0, "steps": 1}, webhook=webhook)
        client.until(job_id, lambda job: all(one["state"] != "pending" for one in job["webhook"]["deliveries"]))
        page = open_page(f"#/jobs/{job_id}")
        rows = page.locator("tr[data-event]")
        expect(rows).to_have_count(2)
        failed = rows.filter(has_text="Failed")
        expect(failed).to_contain_text("410")
        assert_accessible(page)
        failed.get_by_role("button", name="Send again").click()
        expect(rows.filter(has_text="Delivered")).to_have_count(2)
        assert len(receiver.messages["/hook"]) == 3


def test_failed_job_shows_error_fix_and_log(open_page: Open, client: Client) -> None:
    job_id = submit(client, "breaks")
    client.until_final(job_id)
    page = open_page(f"#/jobs/{job_id}")
    problem = page.get_by_role("alert")
    expect(problem).to_contain_text("no wood is left")
    expect(problem).to_contain_text("LookupError")
    expect(problem).to_contain_text("What to do:")
    expect(page.get_by_role("log")).to_contain_text("the saw is stuck")
    assert_accessible(page)


def test_filters_are_in_the_address_and_pages_do_not_repeat_jobs(open_page: Open, client: Client) -> None:
    for _ in range(26):
        client.execute("errands", "echo", {"text": "x"})
    failed = client.execute("errands", "fail", {"text": "x"}).body["error"]["job_id"]
    page = open_page("#/jobs?plugin=errands&tool=echo")
    rows = page.locator("tr[data-job]")
    expect(rows).to_have_count(25)
    first = rows.evaluate_all("rows => rows.map(row => row.dataset.job)")
    page.get_by_role("link", name="Older").click()
    expect(page.get_by_role("link", name="Newest")).to_be_visible()
    expect(page.locator(f'tr[data-job="{first[0]}"]')).to_have_count(0)
    expect(rows.first).to_be_visible()
    assert not set(first) & set(rows.evaluate_all("rows => rows.map(row => row.dataset.job)"))
    # In one script, so that the second change comes before the page has reacted to the first.
    page.get_by_label("Tool").evaluate(
        """(tool, failed) => {
            tool.value = '';
            tool.dispatchEvent(new Event('change'));
            failed.click();
        }""",
        page.get_by_label("Failed").element_handle(),
    )
    page.wait_for_url(re.compile(r"#/jobs\?plugin=errands&status=failed$"))
    expect(page.locator(f'tr[data-job="{failed}"]')).to_contain_text("there is none")
    page.get_by_label("Failed").uncheck()
    page.go_back()
    expect(page.get_by_label("Failed")).to_be_checked()
    assert_accessible(page)


def test_list_follows_a_running_job(open_page: Open, client: Client, tmp_path: Path) -> None:
    job_id = submit(client, seconds=0, until=str(tmp_path / "go on"))
    page = open_page("#/jobs?plugin=workshop")
    row = page.locator(f'tr[data-job="{job_id}"]')
    expect(row.get_by_role("progressbar")).to_be_visible()
    (tmp_path / "go on").touch()
    expect(row.locator(".status")).to_have_text("Succeeded")
