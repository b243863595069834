"""`python -m tests.stack.console.picture FILE`: take the documentation's picture of the console, from a real run."""

import sys
import tempfile
from pathlib import Path

import PIL.Image
from playwright.sync_api import ViewportSize, sync_playwright

from interlock_dev.stack.client import local_stack
from tests.stack.console.browser import ARGUMENTS, found
from tests.stack.stacks import ROOT, link_project

SIZE: ViewportSize = {"width": 1280, "height": 880}
MOST_BYTES = 150_000


def main(path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        project = link_project(Path(folder))
        with local_stack(project, project / "stack.log") as (client, _), sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=found(), args=ARGUMENTS)
            page = browser.new_page(viewport=SIZE, color_scheme="light")
            page.add_init_script(f"sessionStorage.setItem('interlock.key', '{client.api_key}')")
            page.goto(f"{client.url}/console#/plugins/ocr/analyze")
            page.get_by_label("Image").set_input_files(ROOT / "tests" / "images" / "page.png")
            page.get_by_role("button", name="Run now").click()
            page.locator(".picture .box").first.wait_for()
            page.mouse.move(0, 0)
            page.evaluate("document.activeElement.blur()")
            page.screenshot(path=path)
            browser.close()
    with PIL.Image.open(path) as picture:
        # The largest possible palette, because a photograph and the interface share its colors.
        picture.convert("RGB").quantize(256, kmeans=1, dither=PIL.Image.Dither.NONE).save(path, optimize=True)
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise SystemExit(f"{path} has {size} bytes, more than {MOST_BYTES}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
