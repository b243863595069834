"""The console's files over HTTP: addresses, caching, and what the page may load."""

import json
import posixpath
import re
from importlib.resources import files
from typing import Any

import jsonschema_rs
import pytest

import interlock
from interlock.http.console import ConsoleFiles

FOLDER = files(interlock).joinpath("http", "static")
OPENAPI = json.loads(files(interlock).joinpath("http", "openapi.json").read_text())
BUCKET = "https://documents.s3.eu-west-1.amazonaws.com"


@pytest.fixture(scope="module")
def console() -> ConsoleFiles:
    return ConsoleFiles(FOLDER, bucket_origin=BUCKET)


def ask(console: ConsoleFiles, path: str = "/console", *, method: str = "GET", **headers: str) -> dict[str, Any]:
    name = path.removeprefix("/console").removeprefix("/")
    return console.resolve(
        {
            "httpMethod": method,
            "path": path,
            "headers": {key.replace("_", "-"): value for key, value in headers.items()} or None,
            "pathParameters": {"proxy": name} if name else None,
        }
    )


def references(console: ConsoleFiles) -> list[str]:
    """Return the addresses in the page."""
    found: list[str] = re.findall(r'(?:href|src)="([^"]+)"', ask(console)["body"])
    return found


def test_page_refers_to_files_of_its_version_by_relative_addresses(console: ConsoleFiles) -> None:
    found = references(console)
    assert f"console/{console.version}/start.js" in found
    for reference in found:
        assert reference.startswith(f"console/{console.version}/"), reference
        assert ask(console, f"/{reference}")["statusCode"] == 200, reference


def test_page_names_every_module_that_another_imports(console: ConsoleFiles) -> None:
    [listed] = re.findall('data-modules="([^"]+)"', ask(console)["body"])
    imported = {"main.js"}
    for name in listed.split():
        text = ask(console, f"/console/{console.version}/{name}")["body"]
        for target in re.findall(r"""from ?['"]([^'"]+)['"]""", text):
            assert target.startswith("."), f"{name} imports {target}: browsers resolve no bare names"
            imported.add(posixpath.normpath(posixpath.join(posixpath.dirname(name), target)))
    assert imported == set(listed.split())


def test_page_has_no_inline_script_or_style(console: ConsoleFiles) -> None:
    body = ask(console)["body"]
    assert re.findall(r"<script(?![^>]*\ssrc=)", body) == []
    assert re.findall(r"<style|\sstyle=|\son\w+=", body) == []


def test_security_headers_are_on_every_answer(console: ConsoleFiles) -> None:
    answers = [ask(console), ask(console, "/console/x/none.js"), ask(console, method="POST"), ask(console, "/console/")]
    for answer in answers:
        headers = answer["headers"]
        policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
        assert policy == {
            "default-src": "'none'",
            "script-src": "'self'",
            "style-src": "'self'",
            "img-src": "'self' data: blob:",
            "connect-src": f"'self' {BUCKET}",
            "base-uri": "'none'",
            "form-action": "'none'",
            "frame-ancestors": "'none'",
        }
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"


def test_files_of_the_current_version_are_kept_forever(console: ConsoleFiles) -> None:
    current = ask(console, f"/console/{console.version}/main.js")
    assert current["headers"]["Cache-Control"] == "public, max-age=31536000, immutable"
    other = ask(console, "/console/0123456789abcdef/main.js")
    assert (other["body"], other["headers"]["Cache-Control"]) == (current["body"], "no-cache")
    assert ask(console)["headers"]["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("tags", ["{}", "W/{}", '"other", {}'])
def test_known_page_is_not_sent_again(console: ConsoleFiles, tags: str) -> None:
    tag = ask(console)["headers"]["ETag"]
    answer = ask(console, if_none_match=tags.format(tag))
    assert (answer["statusCode"], answer["body"], answer["headers"]["ETag"]) == (304, "", tag)
    assert ask(console, If_None_Match='"other"')["statusCode"] == 200


def test_head_has_the_headers_without_the_body(console: ConsoleFiles) -> None:
    head, page = ask(console, method="HEAD"), ask(console)
    assert (head["headers"], head["body"]) == (page["headers"], "")


def test_trailing_slash_leads_to_the_page_by_a_relative_address(console: ConsoleFiles) -> None:
    answer = ask(console, "/console/")
    assert (answer["statusCode"], answer["headers"]["Location"]) == (308, "../console")


@pytest.mark.parametrize(
    "path",
    [
        "/console/x",
        "/console/x/",
        "/console/x/nothing.js",
        "/console/x/../console.py",
        "/console/x/vendor/preact.LICENSE",
        "/console/x/vendor/sources.json",
        "/console/main.js",
    ],
)
def test_other_paths_are_not_found(console: ConsoleFiles, path: str) -> None:
    assert_envelope(ask(console, path), 404, "not_found")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_not_allowed(console: ConsoleFiles, method: str) -> None:
    answer = ask(console, method=method)
    assert_envelope(answer, 405, "invalid_request")
    assert answer["headers"]["Allow"] == "GET, HEAD"


def assert_envelope(answer: dict[str, Any], status: int, code: str) -> None:
    envelope = json.loads(answer["body"])
    assert (answer["statusCode"], envelope["error"]["code"]) == (status, code)
    schema = {"$ref": "#/components/schemas/ErrorEnvelope", "components": OPENAPI["components"]}
    assert jsonschema_rs.Draft202012Validator(schema).is_valid(envelope)
