"""Keys in the console: created, shown once, and revoked, by an administrator of the tenant."""

import re

import pytest
import requests
from playwright.sync_api import Page, expect

from interlock.domain.key_format import is_mistyped
from interlock_dev.stack.client import Client
from tests.stack.console.conftest import NewKey, Open, assert_accessible

pytestmark = pytest.mark.xdist_group("stack")


def status_of(client: Client, key: str) -> int:
    return requests.get(f"{client.url}/v1/jobs", headers={"X-API-Key": key}, timeout=30).status_code


def open_access(open_page: Open, key: str, **options: object) -> Page:
    page = open_page("#/access", key=key, **options)
    expect(page.locator(".keys tbody tr").first).to_be_visible()
    return page


def test_key_is_created_shown_once_and_revoked(open_page: Open, new_key: NewKey, client: Client) -> None:
    new_key("execute", "console-rival")
    page = open_access(open_page, new_key("admin", "console-keys"))
    page.get_by_role("button", name="New key…").click()
    page.get_by_label("Name").fill("the lab")
    page.get_by_label("Rate").fill("10/s")
    page.get_by_label("Unfinished jobs").fill("4")
    assert_accessible(page)
    page.get_by_role("button", name="Create the key").click()
    created = page.locator(".created-key code")
    expect(created).to_have_text(re.compile("^interlock_"))
    key = created.inner_text()
    assert not is_mistyped(key)
    assert status_of(client, key) == 200
    row = page.locator(".keys tbody tr", has_text="the lab")
    expect(row).to_contain_text("execute, jobs:read")
    expect(row).to_contain_text("10/s, 4 jobs")
    expect(page.locator(".keys tbody tr")).to_have_count(2)  # no key of the other tenant
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy the key").click()
    assert page.evaluate("navigator.clipboard.readText()") == key
    assert_accessible(page)

    page.reload()
    expect(row).to_be_visible()
    assert key not in page.content()
    page.get_by_role("button", name="Revoke the lab").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Keep it")).to_be_focused()
    assert_accessible(page)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.get_by_role("button", name="Revoke the lab").click()
    dialog.get_by_role("button", name="Revoke it").click()
    expect(row).to_have_count(0)
    assert status_of(client, key) == 401
    page.get_by_label("Show the expired and revoked ones").check()
    expect(row.locator(".status")).to_have_text("Revoked")


def test_mistakes_of_a_new_key_are_shown_at_their_fields(open_page: Open, new_key: NewKey) -> None:
    page = open_access(open_page, new_key("admin", "console-errors"), viewport={"width": 375, "height": 720})
    page.get_by_role("button", name="New key…").click()
    page.get_by_label("Rate").fill("many")
    page.get_by_role("button", name="Create the key").click()
    expect(page.locator('[data-path="/rate"] .field-error')).to_contain_text("such as 10/s")
    page.get_by_label("Unfinished jobs").fill("four")
    page.get_by_role("button", name="Create the key").click()
    expect(page.locator('[data-path="/concurrency"] .field-error')).to_have_text("Must be a whole number.")
    assert page.get_by_label("Unfinished jobs").get_attribute("aria-invalid") == "true"
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    assert_accessible(page)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".keys tbody tr")).to_have_count(1)


def test_revoking_the_own_key_is_announced_and_signs_out(open_page: Open, new_key: NewKey) -> None:
    page = open_access(open_page, new_key("admin", "console-own"))
    page.get_by_role("button", name="Revoke").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("the key that you use now")
    dialog.get_by_role("button", name="Revoke it").click()
    expect(page.get_by_label("API key")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("revoked")
