"""The console around its pages: keys, plugins, widths and themes."""

import re
import time

import pytest
import requests
from playwright.sync_api import Page, expect

from interlock_dev.stack.client import POLL_S, Client
from tests.stack.console.conftest import NewKey, Open, assert_accessible

pytestmark = pytest.mark.xdist_group("stack")

WIDTH = 375
COUNTED_WITHIN_S = 30
PLACES = ("#/plugins", "#/plugins/ocr", "#/plugins/workshop/order", "#/jobs", "#/access")


def test_page_and_files_load_without_a_key(client: Client) -> None:
    page = requests.get(f"{client.url}/console", timeout=30)
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert client.api_key not in page.text
    again = requests.get(f"{client.url}/console", headers={"If-None-Match": page.headers["ETag"]}, timeout=30)
    assert (again.status_code, again.content) == (304, b"")
    # A policy for the bucket of the local stack, to which presigned URLs lead.
    assert "connect-src 'self' http://127.0.0.1:" in page.headers["Content-Security-Policy"]


def test_wrong_key_is_refused_at_its_field_and_a_good_one_kept_for_the_session(open_page: Open, client: Client) -> None:
    page = open_page(key="")
    page.get_by_label("API key").fill("wrong")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("alert")).to_contain_text("key")
    assert page.get_by_label("API key").get_attribute("aria-invalid") == "true"
    assert_accessible(page)
    page.get_by_label("API key").fill(client.api_key)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Plugins")).to_be_visible()
    stored = page.evaluate("JSON.stringify({...localStorage}) + document.cookie")
    assert client.api_key not in stored
    page.get_by_role("button", name="Forget the key").click()
    expect(page.get_by_label("API key")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0


def test_key_that_stops_working_leads_back_to_its_field(open_page: Open) -> None:
    page = open_page(key="revoked")
    expect(page.get_by_role("alert")).to_contain_text("key")
    expect(page.get_by_label("API key")).to_be_visible()


def test_plugins_show_state_figures_and_the_reason_of_broken_ones(open_page: Open, client: Client) -> None:
    client.execute("errands", "echo", {"text": "x"})
    until = time.monotonic() + COUNTED_WITHIN_S
    while not client.call("GET", "/v1/plugins/errands/health").body["success_count"]:
        assert time.monotonic() < until
        time.sleep(POLL_S)
    page = open_page("#/plugins")
    page.get_by_label("Find a plugin").fill("errands")  # axe takes long for all of them
    works = page.locator('[data-plugin="errands"]')
    expect(works.locator(".figures")).to_contain_text("Success")
    expect(works.get_by_role("img")).to_have_accessible_name(re.compile("The last .*succeeded"))
    assert_accessible(page)
    page.get_by_label("Find a plugin").fill("import_misses")
    broken = page.locator('[data-plugin="import_misses"]')
    expect(broken.locator(".status")).to_have_text("Unavailable")
    expect(broken.locator(".reason")).to_contain_text("no_such_package_anywhere")
    broken.get_by_role("link").click()
    expect(page.get_by_role("heading", name="Why it is unavailable")).to_be_visible()
    assert_accessible(page)


def test_access_page_shows_what_a_key_may_do(open_page: Open, new_key: NewKey) -> None:
    page = open_page("#/access", key=new_key("jobs:read,execute"))
    for scope, verdict in {
        "plugins:read": "Not allowed",
        "execute": "Allowed",
        "jobs:read": "Allowed",
        "jobs:cancel": "Not allowed",
        "admin": "Not allowed",
    }.items():
        expect(page.locator(f'[data-scope="{scope}"] .verdict')).to_have_text(verdict)
    expect(page.get_by_role("heading", name="Keys of this tenant")).to_have_count(0)
    assert_accessible(page)


def test_page_names_the_scope_that_a_key_lacks(open_page: Open, new_key: NewKey) -> None:
    page = open_page("#/jobs", key=new_key("plugins:read"))
    expect(page.get_by_role("alert")).to_contain_text("jobs:read")


def test_no_page_is_wider_than_a_phone(open_page: Open) -> None:
    page = open_page("#/plugins", viewport={"width": WIDTH, "height": 720}, is_mobile=True, has_touch=True)
    for place in PLACES:
        visit(page, place)
        assert page.evaluate("document.documentElement.scrollWidth") <= WIDTH, place
        small = page.locator("main :is(button, .button):visible").evaluate_all(
            "all => all.filter(one => one.offsetHeight < 30).map(one => one.outerHTML)"
        )
        assert small == [], place
    assert_accessible(page)


def test_theme_follows_the_system_until_one_is_chosen(open_page: Open) -> None:
    page = open_page("#/plugins")
    page.emulate_media(color_scheme="dark")
    assert brightness(page) < 60
    page.get_by_label("Theme").select_option("light")
    assert brightness(page) > 200
    page.reload()
    expect(page.get_by_role("heading", name="Plugins")).to_be_visible()
    assert brightness(page) > 200
    page.get_by_label("Theme").select_option("system")
    assert brightness(page) < 60


def test_keyboard_reaches_the_content_first(open_page: Open) -> None:
    page = open_page("#/access")
    expect(page.get_by_role("heading", name="Access")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    assert page.url.endswith("#/access")


def visit(page: Page, place: str) -> None:
    page.evaluate("place => { location.hash = place }", place)
    expect(page.locator("main h1")).to_be_visible()
    expect(page.get_by_text("Loading…")).to_have_count(0)


def brightness(page: Page) -> float:
    """Return the mean of the channels of the background."""
    script = "getComputedStyle(document.documentElement).backgroundColor.match(/[0-9.]+/g).slice(0, 3).map(Number)"
    channels: list[float] = page.evaluate(script)
    return sum(channels) / 3
