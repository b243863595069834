"""Batches in the console: submitted from files and lines, followed, cancelled, downloaded, and their jobs found."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from interlock_dev.stack.client import Client
from tests.stack.batch_helpers import until_batch
from tests.stack.console.conftest import Open, assert_accessible

pytestmark = pytest.mark.xdist_group("stack")

WIDTH = 375


def test_files_are_submitted_followed_and_downloaded(open_page: Open, tmp_path: Path) -> None:
    for name in ("1.png", "2.png"):
        (tmp_path / name).write_bytes(b"not an image")
    page = open_page("#/plugins/image/inspect")
    page.get_by_role("link", name="Run it on many inputs").click()
    page.get_by_label("Files, each of which is the image of an item").set_input_files(sorted(tmp_path.glob("*.png")))
    page.get_by_label("Items at the same time").fill("2")
    assert_accessible(page)
    with page.expect_request("**/v1/batches") as sent:
        page.get_by_role("button", name="Submit the batch").click()
    body = sent.value.post_data_json or {}
    assert [item["key"] for item in body["items"]] == ["1.png", "2.png"]
    assert (body["plugin"], body["tool"], body["max_concurrency"]) == ("image", "inspect", 2)
    expect(page.locator(".page-head .status")).to_have_text("Succeeded")
    expect(page.get_by_role("img")).to_have_accessible_name("2 failed")
    assert_accessible(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the results").click()
    lines = [json.loads(line) for line in Path(download.value.path()).read_text().splitlines()]
    assert [(line["key"], line["status"]) for line in lines] == [("1.png", "failed"), ("2.png", "failed")]
    page.get_by_role("link", name="2 failed").click()
    expect(page.locator("tr[data-job]")).to_have_count(2)
    page.locator("tr[data-job]", has_text="2.png").get_by_role("link").click()
    expect(page.locator("main")).to_contain_text("item 2.png of batch")


def test_lines_are_submitted_and_a_mistake_names_its_line(open_page: Open, tmp_path: Path) -> None:
    lines = tmp_path / "items.jsonl"
    lines.write_text('{"input": {"text": "a"}, "key": "k"}\nnope\n')
    page = open_page("#/batches/new")
    page.get_by_label("Tool").select_option("errands.echo")
    page.get_by_label("A file with JSON Lines").set_input_files(lines)
    page.get_by_label("Failures to tolerate").fill("5%")
    page.get_by_role("button", name="Submit the batch").click()
    expect(page.get_by_role("alert")).to_contain_text("Line 2 is not JSON")
    assert_accessible(page)
    lines.write_text('{"input": {"text": "a"}, "key": "k"}\n')
    page.get_by_label("A file with JSON Lines").set_input_files(lines)
    page.get_by_role("button", name="Submit the batch").click()
    expect(page.locator(".page-head .status")).to_have_text("Succeeded")
    expect(page.locator(".figures")).to_contain_text("5%")


def test_batch_is_cancelled_after_a_question_and_listed(open_page: Open, client: Client) -> None:
    items = [{"input": {"seconds": 30}}] * 3
    body = {"plugin": "errands", "tool": "wait", "items": items, "max_concurrency": 1}
    batch_id = client.call("POST", "/v1/batches", body).body["batch_id"]
    page = open_page(f"#/batches/{batch_id}", viewport={"width": WIDTH, "height": 720})
    expect(page.get_by_role("img")).to_have_accessible_name("1 running, 2 pending")
    page.get_by_role("button", name="Cancel the batch…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Keep it")).to_be_focused()
    dialog.get_by_role("button", name="Cancel it").click()
    expect(page.locator(".page-head .status")).to_have_text("Cancelled")
    expect(page.locator(".cancellation")).to_contain_text("cancelled in the console")
    assert until_batch(client, batch_id)["counts"]["cancelled"] == 3
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDTH
    page.get_by_role("navigation", name="Sections").get_by_role("link", name="Batches").click()
    expect(page.locator(f'[data-batch="{batch_id}"]')).to_contain_text("3 of 3")
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDTH
    assert_accessible(page)
