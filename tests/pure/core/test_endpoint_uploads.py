"""`POST /v1/uploads`, and uploads as inputs of `POST /v1/execute`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from interlock.domain.deadline import Deadline
from interlock.domain.errors import ServiceUnavailable
from interlock.domain.file_formats import FILE_SCHEMA
from interlock.domain.job_status import JobStatus
from interlock.domain.upload_id import UPLOAD_LIFETIME, Upload
from interlock.sandbox import Ending
from tests.fakes.plugins import a_plugin, a_tool
from tests.fakes.sandbox import Run, answered
from tests.fakes.world import Answer, World

ASYNC = {"Prefer": "respond-async"}
PICTURE = {
    "type": "object",
    "properties": {"image": FILE_SCHEMA, "images": {"type": "array", "items": FILE_SCHEMA}},
    "additionalProperties": False,
}


@pytest.fixture
def gallery(tmp_path: Path) -> World:
    """A world whose plugin `echo` takes images and returns the sizes of the files it received."""

    def measures(run: Run) -> Ending:
        assert {name for _, name in run.request["files"]} == set(run.files)
        sizes = [len(run.files[name]) for _, name in run.request["files"]]
        return answered("succeeded", {"text": str(sizes)})

    world = World(tmp_path, a_plugin("echo", a_tool("say", input_schema=PICTURE)))
    world.sandbox.script = measures
    return world


def ask(world: World, tenant: str = "acme", **fields: Any) -> Answer:
    return world.request("POST", "/v1/uploads", {"content_type": "image/png", "size": 5} | fields, tenant=tenant)


def put(world: World, content: bytes = b"hello", tenant: str = "acme") -> str:
    """Request an upload, store its content and return its id."""
    upload_id = str(ask(world, tenant, size=len(content)).body["upload_id"])
    world.objects.files[Upload.of_id(upload_id).key(tenant)] = (content, "image/png")
    return upload_id


def of(upload_id: str) -> dict[str, Any]:
    return {"image": {"upload_id": upload_id}}


def paths(answer: Answer) -> list[str]:
    assert (answer.status, answer.error["code"]) == (400, "invalid_input"), answer.body
    return [one["path"] for one in answer.error["details"]["errors"]]


# --- Requesting an upload ---


def test_upload_request_returns_201_with_a_presigned_put(gallery: World) -> None:
    answer = ask(gallery, content_type="image/webp", size=31_457_280)
    assert answer.status == 201
    assert set(answer.body) == {"upload_id", "method", "url", "headers", "expires_at"}
    assert answer.body["method"] == "PUT"
    assert f"/uploads/acme/{answer.body['upload_id']}?" in answer.body["url"]
    assert answer.body["headers"] == {"Content-Type": "image/webp", "Content-Length": "31457280"}
    assert answer.body["expires_at"] == "2026-11-22T12:15:00.000Z"
    assert gallery.jobs.all_jobs == []


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"size": 0}, "/size"),
        ({"size": -1}, "/size"),
        ({"size": 104_857_601}, "/size"),
        ({"size": 1.5}, "/size"),
        ({"size": "5"}, "/size"),
        ({"size": True}, "/size"),
        ({"size": None}, "/size"),
        ({"size": 10**30}, "/size"),
        ({"content_type": ""}, "/content_type"),
        ({"content_type": "png"}, "/content_type"),
        ({"content_type": "image/png\r\nX-Evil: 1"}, "/content_type"),
        ({"content_type": "a/" + "b" * 126}, "/content_type"),
        ({"content_type": None}, "/content_type"),
        ({"name": "a.png"}, "/name"),
    ],
)
def test_invalid_upload_request_names_its_field(gallery: World, fields: dict[str, Any], path: str) -> None:
    answer = ask(gallery, **fields)
    assert (answer.status, answer.error["code"]) == (400, "invalid_request")
    assert [one["path"] for one in answer.error["details"]["errors"]] == [path]
    assert path in answer.error["message"]


def test_upload_of_exactly_100_mib_is_allowed(gallery: World) -> None:
    assert ask(gallery, size=104_857_600).status == 201


@pytest.mark.parametrize("missing", ["content_type", "size"])
def test_content_type_and_size_are_required(gallery: World, missing: str) -> None:
    body = {"content_type": "image/png", "size": 5}
    del body[missing]
    answer = gallery.request("POST", "/v1/uploads", body)
    assert (answer.status, answer.error["details"]["errors"][0]["path"]) == (400, f"/{missing}")


def test_upload_request_requires_the_execute_scope(gallery: World) -> None:
    body = {"content_type": "image/png", "size": 5}
    assert gallery.request("POST", "/v1/uploads", body, scopes="execute").status == 201
    assert gallery.request("POST", "/v1/uploads", body, scopes="jobs:read plugins:read jobs:cancel").status == 403
    assert gallery.request("POST", "/v1/uploads", body, tenant="").status == 401
    refused = gallery.request("GET", "/v1/uploads")
    assert (refused.status, refused.headers["Allow"]) == (405, "POST")


# --- Using an upload ---


@pytest.mark.parametrize("prefer", [None, "respond-async"])
def test_upload_is_passed_to_the_run_as_a_file(gallery: World, prefer: str | None) -> None:
    upload_id = put(gallery, b"x" * 1000)
    answer = gallery.execute(of(upload_id) | {"images": ["aGk=", {"upload_id": upload_id}]}, prefer=prefer)
    if prefer:
        [job] = gallery.jobs.all_jobs
        gallery.runner.run_pending("acme", job.job_id, deadline=Deadline.after(800))
        answer = gallery.request("GET", f"/v1/jobs/{job.job_id}/result")
    assert answer.body["result"] == {"text": "[1000, 1000]"}
    [run] = gallery.sandbox.runs
    assert run.request["files"] == [[["image"], "upload-0"], [["images", 1], "upload-0"]]


@pytest.mark.parametrize("headers", [{}, ASYNC], ids=["sync", "async"])
@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(lambda world: "made-up", id="unknown"),
        pytest.param(lambda world: ask(world).body["upload_id"], id="not yet uploaded"),
        pytest.param(lambda world: put(world, tenant="other"), id="another tenant's"),
        pytest.param(lambda world: f"../other/{put(world, tenant='other')}", id="a path to another tenant's"),
    ],
)
def test_invalid_upload_id_is_reported_by_field_and_creates_no_job(
    gallery: World, bad: Callable[[World], str], headers: dict[str, str]
) -> None:
    body = {"plugin": "echo", "input": {"images": [{"upload_id": put(gallery)}, {"upload_id": bad(gallery)}]}}
    answer = gallery.request("POST", "/v1/execute", body, headers=headers)
    assert paths(answer) == ["/images/1"]
    assert (answer.error["plugin"], answer.error["tool"], answer.error["job_id"]) == ("echo", "say", None)
    assert gallery.jobs.all_jobs == []
    assert gallery.sandbox.runs == []


def test_expired_upload_is_reported_as_missing(gallery: World) -> None:
    upload_id = put(gallery)
    gallery.clock.advance(UPLOAD_LIFETIME.total_seconds())
    assert paths(gallery.execute(of(upload_id))) == ["/image"]


def test_upload_deleted_before_its_job_runs_fails_the_job(gallery: World) -> None:
    job_id = gallery.submit(input=of(put(gallery)))
    gallery.objects.files.clear()
    gallery.runner.run_pending("acme", job_id, deadline=Deadline.after(800))
    job = gallery.request("GET", f"/v1/jobs/{job_id}").body
    assert (job["status"], job["error"]["code"]) == ("failed", "invalid_input")
    assert [one["path"] for one in job["error"]["details"]["errors"]] == ["/image"]
    assert gallery.sandbox.runs == []
    # The plugin is not at fault, so its lifecycle state stays.
    assert gallery.request("GET", "/v1/plugins/echo/health").body["state"] == "LOADED"
    assert gallery.request("GET", "/v1/plugins/echo/health").body["error_count"] == 1


def test_upload_deleted_between_validation_and_run_returns_400_with_the_job(
    gallery: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_id = put(gallery)
    describe = gallery.objects.describe

    def describe_and_delete(key: str) -> Any:
        found = describe(key)
        gallery.objects.files.clear()
        return found

    monkeypatch.setattr(gallery.objects, "describe", describe_and_delete)
    answer = gallery.execute(of(upload_id))
    assert paths(answer) == ["/image"]
    assert gallery.request("GET", f"/v1/jobs/{answer.error['job_id']}").body["status"] == "failed"


def test_unavailable_bucket_returns_503_and_creates_no_job(gallery: World) -> None:
    upload_id = put(gallery)
    gallery.objects.down = True
    answer = gallery.execute(of(upload_id))
    assert (answer.status, answer.error["code"], answer.error["retryable"]) == (503, "unavailable", True)
    assert int(answer.headers["Retry-After"]) >= 1
    assert gallery.jobs.all_jobs == []


def test_bucket_failing_during_the_run_returns_503_with_the_job(
    gallery: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_id = put(gallery)

    def down(*_: Any) -> Any:
        raise ServiceUnavailable(service="bucket")

    monkeypatch.setattr(gallery.objects, "fetch", down)
    answer = gallery.execute(of(upload_id))
    assert (answer.status, answer.error["code"]) == (503, "unavailable")
    [job] = gallery.jobs.all_jobs
    assert (job.status, answer.error["job_id"]) == (JobStatus.FAILED, job.job_id)


def test_input_without_uploads_costs_no_bucket_request(gallery: World) -> None:
    assert gallery.execute({"image": "aGk="}).status == 200
    assert gallery.objects.described == []


# --- Under an idempotency key ---


def test_request_is_replayed_after_its_upload_has_expired(gallery: World) -> None:
    body, key = {"plugin": "echo", "input": of(put(gallery))}, {"Idempotency-Key": "k"}
    first = gallery.request("POST", "/v1/execute", body, headers=key)
    gallery.objects.files.clear()
    gallery.clock.advance(UPLOAD_LIFETIME.total_seconds())
    again = gallery.request("POST", "/v1/execute", body, headers=key)
    assert (again.status, again.headers["Idempotency-Replayed"]) == (200, "true")
    assert again.body["job_id"] == first.body["job_id"]
    assert len(gallery.sandbox.runs) == 1


def test_replay_does_not_need_the_bucket(gallery: World) -> None:
    body, key = {"plugin": "echo", "input": of(put(gallery))}, {"Idempotency-Key": "k"}
    gallery.request("POST", "/v1/execute", body, headers=key)
    gallery.objects.down = True
    assert gallery.request("POST", "/v1/execute", body, headers=key).status == 200
    assert gallery.request("POST", "/v1/execute", body, headers={"Idempotency-Key": "another"}).status == 503


def test_different_upload_under_the_same_key_returns_422(gallery: World) -> None:
    key = {"Idempotency-Key": "k"}
    for upload_id, status in ((put(gallery), 200), (put(gallery), 422), ("made-up", 422)):
        answer = gallery.request("POST", "/v1/execute", {"plugin": "echo", "input": of(upload_id)}, headers=key)
        assert answer.status == status


def test_refused_upload_does_not_use_up_the_idempotency_key(gallery: World) -> None:
    upload_id, key = str(ask(gallery).body["upload_id"]), {"Idempotency-Key": "k"}
    body = {"plugin": "echo", "input": of(upload_id)}
    assert gallery.request("POST", "/v1/execute", body, headers=key).status == 400
    gallery.objects.files[Upload.of_id(upload_id).key("acme")] = (b"hello", "image/png")
    answer = gallery.request("POST", "/v1/execute", body, headers=key)
    assert (answer.status, answer.headers.get("Idempotency-Replayed")) == (200, None)


def test_expired_idempotency_key_replays_nothing(gallery: World) -> None:
    body, key = {"plugin": "echo", "input": of(put(gallery))}, {"Idempotency-Key": "k"}
    gallery.request("POST", "/v1/execute", body, headers=key)
    gallery.clock.advance(8 * 24 * 3600)
    assert paths(gallery.request("POST", "/v1/execute", body, headers=key)) == ["/image"]


def test_manifest_shows_both_forms_of_a_file(gallery: World) -> None:
    manifest = gallery.request("GET", "/v1/plugins/echo").body
    forms = manifest["tools"][0]["input_schema"]["properties"]["image"]["anyOf"]
    assert [form["type"] for form in forms] == ["string", "object"]
    assert json.dumps(forms[1]["required"]) == '["upload_id"]'
