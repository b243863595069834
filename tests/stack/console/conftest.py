"""One browser for the tests of the console, on the stack that the other tests use."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from interlock_dev.stack.client import Client
from tests.stack.conftest import Keys
from tests.stack.console.browser import ARGUMENTS, found

LIMIT_MS = 20_000
ALL: dict[str, Any] = {"resultTypes": ["violations"]}
CONTRAST: dict[str, Any] = {**ALL, "runOnly": {"type": "rule", "values": ["color-contrast"]}}

expect.set_options(timeout=LIMIT_MS)

collect_ignore_glob = [] if found() else ["test_page_*.py"]

type Open = Callable[..., Page]
type NewKey = Callable[..., str]


# Not for the session: while Playwright is open, an event loop runs, and other tests could not start theirs.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found(), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def problems() -> list[str]:
    """The exceptions and violations of the policy on the pages of one test."""
    return []


def watched(page: Page, problems: list[str]) -> Page:
    page.set_default_timeout(LIMIT_MS)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if "Policy" in message.text else None)
    return page


@pytest.fixture(scope="package")
def tab(browser: Browser, problems: list[str]) -> Page:
    """A tab that all pages without special options share. A new tab for each would take three times as long."""
    return watched(browser.new_context(viewport={"width": 1280, "height": 900}).new_page(), problems)


@pytest.fixture
def open_page(browser: Browser, tab: Page, problems: list[str], client: Client) -> Iterator[Open]:
    """Load a page of the console, signed in unless `key` is empty. Options are those of a separate context. No page may
    fail or break the policy of the console."""
    opened: list[BrowserContext] = []

    def open_(place: str = "", *, key: str = client.api_key, **options: Any) -> Page:
        if options:
            opened.append(browser.new_context(**options))
        page = watched(opened[-1].new_page(), problems) if options else tab
        page.goto(f"{client.url}/console/nothing")  # another page of the origin, with the console's storage
        problems.clear()
        page.evaluate("sessionStorage.clear(), localStorage.clear()")
        if key:
            page.evaluate("key => sessionStorage.setItem('interlock.key', key)", key)
        page.goto(f"{client.url}/console{place}")
        return page

    yield open_
    for context in opened:
        context.close()
    tab.emulate_media(color_scheme="null", reduced_motion="null")
    assert problems == []


@pytest.fixture
def new_key(keys: Keys) -> NewKey:
    """Create a key with the command."""

    def create(scopes: str, tenant: str = "console") -> str:
        key: str = keys("create", "--tenant", tenant, "--scopes", scopes)["key"]
        return key

    return create


def assert_accessible(page: Page) -> None:
    """Check a page with axe in the light theme, and its contrasts in the dark one."""
    for theme, options in (("light", ALL), ("dark", CONTRAST)):
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
        found = Axe().run(page, options=options).response["violations"]
        told = [f"{theme}: {one['id']} {[node['html'] for node in one['nodes']]}" for one in found]
        assert not told, "\n".join(told)
