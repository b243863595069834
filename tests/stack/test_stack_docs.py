"""`/docs` of the local stack: the page, everything it refers to, and the document, all from this machine."""

import re

import pytest
import requests

from tests.stack.stacks import Running

pytestmark = pytest.mark.xdist_group("stack")


def test_docs_page_serves_every_file_it_references(real: Running) -> None:
    page = requests.get(real.client.url + "/docs", timeout=30)
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "//" not in page.text.replace("// ", ""), "something is to come from another server"
    named = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    types = {}
    for path in named:
        answer = requests.get(real.client.url + path, timeout=30)
        assert answer.status_code == 200, path
        assert len(answer.content) > 1000, path
        types[path.rpartition(".")[2]] = answer.headers["Content-Type"].partition(";")[0]
    assert types == {"svg": "image/svg+xml", "css": "text/css", "js": "text/javascript"}


def test_docs_page_shows_the_openapi_document_of_the_service(real: Running) -> None:
    page = requests.get(real.client.url + "/docs", timeout=30).text
    [document] = re.findall(r'url: "([^"]+)"', page)
    served = requests.get(real.client.url + document, timeout=30)
    assert served.json()["openapi"].startswith("3.1.")
    # The page sends its trial requests to the first server, which is its own origin.
    base = requests.compat.urljoin(served.url, served.json()["servers"][0]["url"])
    assert base == real.client.url + "/"


@pytest.mark.parametrize("path", ["/docs/assets/../__init__.py", "/docs/assets/nothing.js", "/docs/assets/"])
def test_docs_page_serves_no_other_file(real: Running, path: str) -> None:
    answer = requests.get(real.client.url + path, timeout=30)
    assert "import" not in answer.text
    assert answer.status_code == 404 or "<title>Interlock" in answer.text
