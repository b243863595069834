"""Uploads and large results over HTTP: the functions, the bucket, and the processes of the plugins."""

import hashlib
import http.client
import json
import os
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from interlock_dev.stack.client import Answer, Client

PAGE = Path(__file__).parents[1] / "images" / "page.png"
LARGE = os.urandom(1 << 20) * 32
MIB_5_AND_A_HALF = 5_767_168


def ask(client: Client, content: bytes, content_type: str = "application/octet-stream") -> Answer:
    answer = client.call("POST", "/v1/uploads", {"content_type": content_type, "size": len(content)})
    assert answer.status == 201, answer.body
    return answer


def put(asked: Answer, content: bytes, **other: str) -> int:
    """Return the status of the bucket's response. The request carries no API key."""
    headers = {**asked.body["headers"], **{name.replace("_", "-"): value for name, value in other.items()}}
    return requests.put(asked.body["url"], content, headers=headers, timeout=60).status_code


def upload(client: Client, content: bytes, content_type: str = "application/octet-stream") -> dict[str, str]:
    asked = ask(client, content, content_type)
    assert put(asked, content) == 200
    return {"upload_id": asked.body["upload_id"]}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def refused_at(answer: Answer) -> list[str]:
    assert (answer.status, answer.code) == (400, "invalid_input"), answer.body
    assert answer.body["error"]["job_id"] is None
    return [one["path"] for one in answer.body["error"]["details"]["errors"]]


# --- Uploads ---


@pytest.mark.parametrize(
    ("plugin", "tool", "field"),
    [("ocr", "analyze", "image"), ("image", "inspect", "image"), ("image", "thumbnail", "image"),
     ("block_mapper", "analyze", "image"), ("motion", "compare", "before")],
)  # fmt: skip
def test_three_forms_of_a_file_give_the_same_result(client: Client, plugin: str, tool: str, field: str) -> None:
    import base64

    text = base64.b64encode(PAGE.read_bytes()).decode()
    uploaded = upload(client, PAGE.read_bytes(), "image/png")
    results = []
    for form in (text, f"data:image/png;base64,{text}", uploaded):
        asked: dict[str, Any] = {field: form} | ({"after": uploaded} if plugin == "motion" else {})
        answer = client.execute(plugin, tool, asked)
        assert answer.status == 200, answer.body
        results.append(answer.body["result"])
    assert results[0] == results[1] == results[2]
    if plugin == "ocr":
        assert "determine markers of the coins" in results[2]["text"]


@pytest.mark.parametrize("tool", ["digest", "on_disk"])
def test_file_of_32_mib_arrives_complete_as_bytes_or_as_a_path(client: Client, tool: str) -> None:
    uploaded = upload(client, LARGE)
    answer = client.execute("files", tool, {"file": uploaded})
    assert answer.status == 200, answer.body
    assert (answer.body["result"]["sha256"], answer.body["result"]["size"]) == ([sha256(LARGE)], [len(LARGE)])

    job_id = client.submit("files", tool, {"file": uploaded})
    assert client.until_final(job_id)["status"] == "succeeded"
    result = client.call("GET", f"/v1/jobs/{job_id}/result").body["result"]
    assert result["sha256"] == [sha256(LARGE)]
    for path in filter(None, (answer.body["result"]["path"], result["path"])):
        assert not Path(path).exists()


def test_a_tool_may_take_several_files_in_several_forms(client: Client) -> None:
    one, another = upload(client, b"one"), upload(client, b"another")
    answer = client.execute("files", "digest", {"file": one, "more": [another, "dHdv", one]})
    assert answer.body["result"]["sha256"] == [sha256(each) for each in (b"one", b"another", b"two", b"one")]


@pytest.mark.parametrize("other", [{"Content_Type": "image/png"}, {"If_None_Match": '"x"'}])
def test_upload_url_accepts_only_the_signed_headers(client: Client, other: Mapping[str, str]) -> None:
    asked = ask(client, b"hello")
    assert put(asked, b"hello", **other) == 403
    assert put(asked, b"hello") == 200


@pytest.mark.parametrize("content", [b"hell", b"hello!", b""])
def test_upload_url_accepts_only_the_signed_length(client: Client, content: bytes) -> None:
    asked = ask(client, b"hello")
    del asked.body["headers"]["Content-Length"]
    assert put(asked, content) == 403
    assert refused_at(client.execute("files", "digest", {"file": {"upload_id": asked.body["upload_id"]}})) == ["/file"]


def test_an_upload_cannot_be_replaced_not_even_while_its_job_runs(client: Client) -> None:
    asked = ask(client, b"first")
    assert put(asked, b"first") == 200
    uploaded = {"upload_id": asked.body["upload_id"]}
    job_id = client.submit("files", "on_disk", {"file": uploaded, "pause_s": 2})
    client.until(job_id, lambda job: bool(job["progress"]))
    assert put(asked, b"other") == 412
    assert client.until_final(job_id)["status"] == "succeeded"
    assert client.call("GET", f"/v1/jobs/{job_id}/result").body["result"]["sha256"] == [sha256(b"first")]
    assert client.execute("files", "digest", {"file": uploaded}).body["result"]["sha256"] == [sha256(b"first")]


def test_incomplete_upload_is_not_stored(client: Client) -> None:
    asked = ask(client, LARGE)
    url = urlsplit(asked.body["url"])
    assert url.hostname is not None
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
    connection.putrequest("PUT", f"{url.path}?{url.query}")
    for name, value in asked.body["headers"].items():
        connection.putheader(name, value)
    connection.endheaders(LARGE[: 1 << 20])
    connection.close()
    reference = {"upload_id": asked.body["upload_id"]}
    assert refused_at(client.execute("files", "digest", {"file": reference})) == ["/file"]


@pytest.mark.parametrize("headers", [{}, {"Prefer": "respond-async"}], ids=["sync", "async"])
def test_missing_upload_creates_no_job(client: Client, headers: dict[str, str]) -> None:
    before = client.call("GET", "/v1/jobs?limit=1").body["jobs"]
    expected = ask(client, b"hello").body["upload_id"]
    for bad in ("made-up", expected, expected[:-2] + "AA", "../../jobs/dev/x"):
        body = {"plugin": "files", "tool": "digest", "input": {"file": "aGk=", "more": ["aGk=", {"upload_id": bad}]}}
        assert refused_at(client.call("POST", "/v1/execute", body, headers)) == ["/more/1"]
    assert client.call("GET", "/v1/jobs?limit=1").body["jobs"] == before


def test_many_concurrent_jobs_use_one_upload(client: Client) -> None:
    uploaded = upload(client, LARGE[: 1 << 20])
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: client.execute("files", "digest", {"file": uploaded}), range(12)))
    assert {answer.status for answer in answers} == {200}
    assert {answer.body["result"]["sha256"][0] for answer in answers} == {sha256(LARGE[: 1 << 20])}


def test_upload_is_removed_from_disk_after_crash_cancel_and_timeout(client: Client) -> None:
    uploaded = upload(client, LARGE[: 1 << 20])
    paths = []
    for timeout_s, end in ((60, "cancelled"), (1, "timed_out")):
        body = {
            "plugin": "files",
            "tool": "on_disk",
            "input": {"file": uploaded, "pause_s": 50},
            "timeout_s": timeout_s,
        }
        job_id = client.call("POST", "/v1/execute", body, {"Prefer": "respond-async"}).body["job_id"]
        if end == "cancelled":
            job = client.until(job_id, lambda job: bool(job["progress"]))
            assert Path(job["progress"]["message"]).exists()
            client.call("DELETE", f"/v1/jobs/{job_id}")
        job = client.until_final(job_id)
        assert job["status"] == end
        paths.append(Path(job["progress"]["message"]))
    crashed = client.execute("files", "crash", {"file": uploaded})
    assert (crashed.status, crashed.code) == (400, "plugin_crashed")
    paths.append(Path(client.job(crashed.body["error"]["job_id"])["progress"]["message"]))
    assert all(path.name == "upload-0" for path in paths)
    assert not [file for path in paths for file in path.parents[1].glob("*/upload-*")]


def test_an_idempotency_key_covers_the_upload_of_its_request(client: Client) -> None:
    uploaded, key = upload(client, b"hello"), {"Idempotency-Key": f"upload {time.time()}"}
    body = {"plugin": "files", "tool": "digest", "input": {"file": uploaded}}
    first, again = (client.call("POST", "/v1/execute", body, key) for _ in range(2))
    assert (first.status, again.status, again.headers["Idempotency-Replayed"]) == (200, 200, "true")
    assert first.body["job_id"] == again.body["job_id"]
    other = {**body, "input": {"file": upload(client, b"hello")}}
    assert client.call("POST", "/v1/execute", other, key).code == "idempotency_mismatch"


@pytest.mark.parametrize("path", ["size", "content_type", "name"])
def test_a_bad_request_for_an_upload_names_its_field(client: Client, path: str) -> None:
    bad = {"size": 104_857_601, "content_type": "png", "name": "a.png"}[path]
    answer = client.call("POST", "/v1/uploads", {"content_type": "image/png", "size": 5} | {path: bad})
    assert (answer.status, answer.code) == (400, "invalid_request")
    assert [one["path"] for one in answer.body["error"]["details"]["errors"]] == [f"/{path}"]


# --- Large results ---


def results_of(client: Client, **wanted: Any) -> list[Any]:
    """Return a result in each way that the API offers: of a synchronous run, of a job after a wait, and read later."""
    now = client.execute("files", "text", wanted)
    body = {"plugin": "files", "tool": "text", "input": wanted}
    waited = client.call("POST", "/v1/execute", body, {"Prefer": "respond-async, wait=20"})
    assert (now.status, waited.status) == (200, 200), (now.body, waited.body)
    read = client.call("GET", f"/v1/jobs/{waited.body['job_id']}/result")
    assert read.status == 200
    return [answer.body["result"] for answer in (now, waited, read)]


@pytest.mark.parametrize(("size", "letter"), [(20_000, "x"), (4_999_999, "x"), (5_000_000, "x"), (3_100_000, '"')])
def test_a_result_up_to_5_mb_is_inline(client: Client, size: int, letter: str) -> None:
    for result in results_of(client, size=size, letter=letter):
        assert set(result) == {"text"}
        assert set(result["text"]) <= {letter, "x"}


@pytest.mark.parametrize(("size", "letter"), [(5_000_001, "x"), (MIB_5_AND_A_HALF, "x"), (4_900_000, '"')])
def test_a_result_that_is_too_large_is_a_url_that_needs_no_key(client: Client, size: int, letter: str) -> None:
    for result in results_of(client, size=size, letter=letter):
        assert set(result) == {"download_url", "size", "expires_at"}
        assert result["size"] == size
        answer = requests.get(result["download_url"], timeout=60)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
        assert len(answer.content) == size
        assert set(json.loads(answer.content)["text"]) <= {letter, "x"}
    bare = result["download_url"].partition("?")[0]
    assert requests.get(bare, timeout=60).status_code == 403
