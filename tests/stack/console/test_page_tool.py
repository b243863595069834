"""The page of a tool: its form, what it sends, and how it shows the result."""

import io
import json
from pathlib import Path

import PIL.Image
import pytest
from playwright.sync_api import Page, expect

from interlock_dev.stack.client import Client
from tests.stack.console.conftest import Open, assert_accessible
from tests.stack.stacks import ROOT

pytestmark = pytest.mark.xdist_group("stack")

IMAGES = ROOT / "tests" / "images"


def run_now(page: Page) -> None:
    page.get_by_role("button", name="Run now").click()


def fill_order(page: Page) -> None:
    page.get_by_label("Name").fill("Ada")
    page.get_by_label("City").fill("Bern")
    page.get_by_label("Radius").fill("0.6")


def test_words_are_marked_in_the_image_that_was_sent(open_page: Open) -> None:
    page = open_page("#/plugins/ocr/analyze")
    page.get_by_label("Image").set_input_files(IMAGES / "page.png")
    expect(page.get_by_alt_text("Preview of page.png")).to_be_visible()
    run_now(page)
    boxes = page.locator(".picture .box")
    expect(boxes.first).to_be_visible()
    assert boxes.count() > 30
    assert page.get_by_alt_text("The image of the input").evaluate("image => image.naturalWidth") == 384
    expect(page.get_by_role("region", name="Text")).to_contain_text("markers of the coins")
    assert_accessible(page)
    page.get_by_role("button", name="Show all").click()
    assert page.get_by_role("region", name="Words").locator("tbody tr").count() == boxes.count()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download JSON").click()
    assert "markers" in json.loads(Path(saved.value.path()).read_text())["text"]


def test_resulting_images_are_shown_and_can_be_saved(open_page: Open) -> None:
    page = open_page("#/plugins/image/thumbnail")
    page.get_by_label("Image").set_input_files(IMAGES / "astronaut.png")
    page.get_by_label("Width").fill("64")
    page.get_by_label("Format").select_option("WEBP")
    run_now(page)
    image = page.get_by_alt_text("The result's image")
    expect(image).to_be_visible()
    assert image.evaluate("image => image.naturalWidth") == 64
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download image").click()
    assert Path(saved.value.path()).read_bytes()[8:12] == b"WEBP"


def test_large_file_is_uploaded_to_the_bucket(open_page: Open) -> None:
    file = io.BytesIO()
    PIL.Image.new("RGB", (1100, 1000)).save(file, "BMP")
    page = open_page("#/plugins/image/inspect")
    sent = {"name": "large.bmp", "mimeType": "image/bmp", "buffer": file.getvalue()}
    page.get_by_label("Image").set_input_files(sent)  # type: ignore[arg-type]
    with page.expect_response("**/v1/execute") as answered:
        run_now(page)
    assert set(json.loads(answered.value.request.post_data or "")["input"]["image"]) == {"upload_id"}
    expect(page.locator(".result .facts").first).to_contain_text("1100")


def test_only_presigned_urls_are_shown_as_downloads(open_page: Open) -> None:
    """A tool may return an object that looks like the link to a large result."""
    links = {
        "https://bucket.s3.eu-central-1.amazonaws.com/r?X-Amz-Signature=a": True,
        "http://127.0.0.1:4000/bucket/r?X-Amz-Signature=a": True,
        "https://bucket.s3.amazonaws.com/r": False,
        "https://bucket.s3.amazonaws.com.example.com/r?X-Amz-Signature=a": False,
        "https://bucket.s3.amazonaws.com@example.com/r?X-Amz-Signature=a": False,
        "javascript:alert(1)//?X-Amz-Signature=a": False,
        "/v1/jobs?X-Amz-Signature=a": False,
        "not a URL": False,
    }
    page = open_page("#/plugins")
    expect(page.get_by_role("heading", name="Plugins")).to_be_visible()
    found = page.evaluate(
        """async (urls) => {
            const start = new URL(document.querySelector('script[type=module]').src);
            const { isDownload } = await import(new URL('result/find.js', start).href);
            return urls.map((url) => isDownload({ download_url: url, size: 1, expires_at: '2026-01-01' }));
        }""",
        list(links),
    )
    assert dict(zip(links, found, strict=True)) == links


def test_every_kind_of_field_is_sent_as_its_type(open_page: Open) -> None:
    page = open_page("#/plugins/workshop/order")
    fill_order(page)
    page.get_by_label("Wood").select_option("beech")
    page.get_by_label("Pieces").fill("2")
    page.get_by_label("Oiled").check()
    page.get_by_label("Form of Table").select_option("Square")
    page.get_by_label("Side").fill("1.5")
    page.get_by_role("button", name="Add an item to Marks").click()
    page.get_by_label("Marks 1").fill("fragile")
    page.get_by_label("Extra").fill('{"legs": 4}')
    with page.expect_response("**/v1/execute") as answered:
        run_now(page)
    assert answered.value.request.post_data_json == {
        "plugin": "workshop",
        "tool": "order",
        "input": {
            "name": "Ada",
            "wood": "beech",
            "pieces": 2,
            "oiled": True,
            "address": {"city": "Bern"},
            "table": {"form": "square", "side": 1.5},
            "marks": ["fragile"],
            "extra": {"legs": 4},
        },
    }
    expect(page.get_by_role("region", name="Pieces").locator("tbody tr")).to_have_count(2)


def test_mistakes_are_shown_at_their_fields_before_anything_is_sent(open_page: Open) -> None:
    page = open_page("#/plugins/workshop/order")
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    fill_order(page)
    page.get_by_label("Name").fill("")
    page.get_by_label("Pieces").fill("twelve")
    page.get_by_label("City").fill("B")
    run_now(page)
    expect(page.get_by_label("Name")).to_be_focused()
    for field, message in (
        ("/name", "Is required."),
        ("/pieces", "Must be a number."),
        ("/address/city", "Needs at least"),
    ):
        expect(page.locator(f'[data-path="{field}"] > .field-error')).to_contain_text(message)
    assert page.get_by_label("City").get_attribute("aria-invalid") == "true"
    assert not any("execute" in url for url in requests)
    assert_accessible(page)


def test_problems_that_the_server_finds_are_shown_at_their_fields(open_page: Open) -> None:
    page = open_page("#/plugins/workshop/order")
    fill_order(page)
    page.get_by_role("button", name="Add an item to Marks").click()
    page.get_by_label("Marks 1").fill("LOUD")
    run_now(page)
    expect(page.locator('[data-path="/marks/0"] .field-error')).to_have_text("May not be in capitals.")
    expect(page.get_by_label("Marks 1")).to_be_focused()
    expect(page.get_by_role("alert")).to_contain_text("Invalid input")


def test_curl_command_makes_the_same_call(open_page: Open, client: Client) -> None:
    page = open_page("#/plugins/image/inspect")
    page.get_by_label("Image").set_input_files(IMAGES / "page.png")
    command = page.get_by_role("region", name="The call with curl")
    expect(command).to_contain_text(f"'{client.url}/v1/execute'")
    expect(command).to_contain_text("\"image\": \"$(base64 < 'page.png' | tr -d '\\n')\"")
    page.get_by_label("in the background").check()
    expect(command).to_contain_text("Prefer: respond-async")
