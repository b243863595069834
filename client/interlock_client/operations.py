"""The operations of the service, as steps. See `steps`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from interlock_client.documents import (
    FINAL,
    ApiKey,
    Event,
    JobDocument,
    Manifest,
    NewApiKey,
    PluginHealth,
    PluginSummary,
    Upload,
    WebhookEvent,
    WebhookSecret,
)
from interlock_client.errors import ConflictError, TransferFailed, WaitTimeout, error_of
from interlock_client.files import MAX_INLINE_BYTES, File, content_type_of, files_in, with_files
from interlock_client.links import download_url
from interlock_client.options import JobFilters, RunOptions
from interlock_client.pace import Pace
from interlock_client.steps import Emit, Read, Request, Response, Retries, Sleep, Steps, Stream, document, exchange

_PAGE = 100
_PRECONDITION_FAILED = 412


@dataclass(frozen=True, slots=True)
class Operations:
    """All operations of the service at a URL."""

    service: str
    retries: Retries

    # --- Executing ---

    def run(self, tool: str, input: Mapping[str, Any], options: RunOptions) -> Steps[Any]:
        """Run a tool synchronously and return its result."""
        finished = yield from self._execute(tool, input, options, {})
        return (yield from self._downloaded(finished["result"]))

    def submit(self, tool: str, input: Mapping[str, Any], options: RunOptions) -> Steps[JobDocument]:
        """Create an asynchronous job."""
        job: JobDocument = yield from self._execute(tool, input, options, {"Prefer": "respond-async"})
        return job

    def _execute(
        self, tool: str, input: Mapping[str, Any], options: RunOptions, headers: Mapping[str, str]
    ) -> Steps[Any]:
        plugin, _, name = tool.partition(".")
        sent, _ = yield from self._with_files(input)
        body = {"plugin": plugin, **({"tool": name} if name else {}), "input": sent, **options.fields}
        return (yield from self._post("/v1/execute", body, {**options.headers, **headers}))

    def rerun(self, job_id: str, changes: Mapping[str, Any], options: RunOptions) -> Steps[JobDocument]:
        """Create a job from another one, with changes of its input (JSON Merge Patch, RFC 7396)."""
        sent, _ = yield from self._with_files(changes)
        body = {**({"input": sent} if sent else {}), **options.fields}
        job: JobDocument = yield from self._post(f"{_job(job_id)}/rerun", body, options.headers)
        return job

    # --- Jobs ---

    def job(self, job_id: str) -> Steps[JobDocument]:
        """Read a job."""
        job: JobDocument = yield from self._get(_job(job_id))
        return job

    def wait(self, job_id: str, timeout_s: float | None) -> Steps[JobDocument]:
        """Wait until a job has finished, and return it. Raise `WaitTimeout`."""
        pace = Pace(timeout_s)
        while True:
            job: JobDocument = yield from self._get(_job(job_id), headers=pace.preference())
            if job["status"] in FINAL:
                return job
            yield from _pause(pace, job_id, timeout_s)

    def result(self, job_id: str, timeout_s: float | None) -> Steps[Any]:
        """Wait until a job has finished, and return its result. Raises the job's error, and `WaitTimeout`."""
        pace = Pace(timeout_s)
        while True:
            try:
                finished = yield from self._get(f"{_job(job_id)}/result", headers=pace.preference())
                break
            except ConflictError:
                yield from _pause(pace, job_id, timeout_s)
        if finished["error"] is not None:
            raise error_of(finished["error"])
        return (yield from self._downloaded(finished["result"]))

    def events(self, job_id: str, after: int, *, follow: bool) -> Stream[Event]:
        """Yield a job's events; with `follow` also those to come, until the job has finished."""
        pace = Pace(None)
        while True:
            page = yield from self._get(
                f"{_job(job_id)}/events", [("after", str(after))], pace.preference() if follow else {}
            )
            for event in page["events"]:
                yield Emit(event)
                follow = follow and not (event["type"] == "state" and event["status"] in FINAL)
            if not follow:
                return
            if not page["events"] and (yield from self.job(job_id))["status"] in FINAL:
                follow = False  # the last events were emitted before, or are on the next page
            after = page["next"]
            pace = pace if not page["events"] else Pace(None)
            yield Sleep(pace.pause_s())

    def cancel(self, job_id: str, reason: str | None) -> Steps[JobDocument]:
        """Request the cancel of a job."""
        body = {} if reason is None else {"reason": reason}
        job: JobDocument = yield from self._post(f"{_job(job_id)}/cancel", body, {})
        return job

    def redeliver(self, job_id: str, event: WebhookEvent | None) -> Steps[JobDocument]:
        """Request that the messages of a job's webhook are sent again."""
        body = {} if event is None else {"event": event}
        job: JobDocument = yield from self._post(f"{_job(job_id)}/webhook/redeliver", body, {})
        return job

    def webhook_secret(self) -> Steps[WebhookSecret]:
        """Read the secret that signs the tenant's webhooks."""
        secret: WebhookSecret = yield from self._get("/v1/webhook-secret")
        return secret

    def rotate_webhook_secret(self) -> Steps[WebhookSecret]:
        """Replace the secret of webhooks. The request is not retried: each one that arrives creates a new secret."""
        request = Request("POST", "/v1/webhook-secret/rotate")
        secret: WebhookSecret = document((yield from exchange(request, Retries(attempts=1))))
        return secret

    def jobs(self, filters: JobFilters, limit: int | None) -> Stream[JobDocument]:
        """Yield jobs, newest first, page by page."""
        return self._listed("/v1/jobs", "jobs", filters.query(), limit)

    # --- Plugins and the service ---

    def plugins(self) -> Steps[list[PluginSummary]]:
        """List the plugins."""
        listed: list[PluginSummary] = (yield from self._get("/v1/plugins"))["plugins"]
        return listed

    def plugin(self, name: str) -> Steps[Manifest]:
        """Read a plugin's manifest."""
        manifest: Manifest = yield from self._get(f"/v1/plugins/{quote(name, safe='')}")
        return manifest

    def health(self, name: str) -> Steps[PluginHealth]:
        """Read a plugin's state and counters."""
        health: PluginHealth = yield from self._get(f"/v1/plugins/{quote(name, safe='')}/health")
        return health

    def get(self, path: str) -> Steps[Any]:
        """Read a document of the service."""
        return (yield from self._get(path))

    # --- Keys ---

    def keys(self) -> Stream[ApiKey]:
        """Yield the keys of the tenant, newest first, page by page."""
        return self._listed("/v1/keys", "keys", [], None)

    def create_key(self, body: Mapping[str, Any]) -> Steps[NewApiKey]:
        """Create a key. The request is not retried: each one that arrives creates a key."""
        given = {name: value for name, value in body.items() if value is not None}
        request = Request.of_json("POST", "/v1/keys", given, {})
        created: NewApiKey = document((yield from exchange(request, Retries(attempts=1))))
        return created

    def revoke_key(self, key_id: str) -> Steps[ApiKey]:
        """Revoke a key."""
        request = Request("DELETE", f"/v1/keys/{quote(key_id, safe='')}")
        revoked: ApiKey = document((yield from exchange(request, self.retries)))
        return revoked

    # --- Files ---

    def upload(self, file: Path | bytes, content_type: str | None) -> Steps[Upload]:
        """Upload a file and return a reference to it, which is valid for 24 hours."""
        given = yield from _read(file)
        return (yield from self._upload(File(given.content, content_type or given.content_type)))

    def _upload(self, file: File) -> Steps[Upload]:
        asked = {"content_type": file.content_type, "size": len(file.content)}
        new = yield from self._post("/v1/uploads", asked, {})
        request = Request(new["method"], new["url"], file.content, new["headers"])
        response = yield from exchange(request, self.retries)
        # The bucket refuses to replace the file if an earlier attempt has arrived.
        if response.status >= 300 and response.status != _PRECONDITION_FAILED:
            raise _refused("upload", response)
        return {"upload_id": new["upload_id"]}

    def _with_files(self, input: Mapping[str, Any], room: int = MAX_INLINE_BYTES) -> Steps[tuple[Any, int]]:
        """Return the input with its files as text, or as uploads beyond `room` bytes, and the room that is left."""
        references: list[Any] = []
        for one in files_in(input):
            file = yield from _read(one)
            if len(file.content) <= room:
                room -= len(file.content)
                references.append(file.text)
            else:
                references.append((yield from self._upload(file)))
        return with_files(input, iter(references)), room

    def _downloaded(self, result: Any) -> Steps[Any]:
        """Return a result, fetched if the service sent a link to it."""
        url = download_url(result, self.service)
        if url is None:
            return result
        response = yield from exchange(Request("GET", url), self.retries)
        if response.status >= 300:
            raise _refused("download", response)
        return json.loads(response.content)

    # --- Requests ---

    def _get(
        self, path: str, query: list[tuple[str, str]] | None = None, headers: Mapping[str, str] | None = None
    ) -> Steps[Any]:
        response = yield from exchange(Request("GET", path, headers=headers or {}, query=query or ()), self.retries)
        return document(response)

    def _listed(self, path: str, name: str, query: list[tuple[str, str]], limit: int | None) -> Stream[Any]:
        """Yield the entries of a list, page by page."""
        cursor: list[tuple[str, str]] = []
        left = limit
        while left is None or left > 0:
            size = _PAGE if left is None else min(_PAGE, left)
            page = yield from self._get(path, [*query, ("limit", str(size)), *cursor])
            for entry in page[name]:
                yield Emit(entry)
            if page["next_cursor"] is None:
                return
            cursor = [("cursor", page["next_cursor"])]
            left = None if left is None else left - len(page[name])

    def _post(self, path: str, body: Any, headers: Mapping[str, str]) -> Steps[Any]:
        request = Request.of_json("POST", path, body, headers)
        return document((yield from exchange(request, self.retries)))


def _job(job_id: str) -> str:
    return f"/v1/jobs/{quote(job_id, safe='')}"


def _refused(transfer: str, response: Response) -> TransferFailed:
    status = response.status
    return TransferFailed(f"The bucket refused the {transfer} with status {status}.", status=status)


def _read(file: Path | bytes) -> Steps[File]:
    if isinstance(file, bytes):
        return File(file)
    content: bytes = yield Read(file)
    return File(content, content_type_of(file))


def _pause(pace: Pace, job_id: str, timeout_s: float | None) -> Steps[None]:
    if pace.left_s() <= 0:
        raise WaitTimeout(f"The job has not finished within {timeout_s} s.", job_id=job_id)
    yield Sleep(pace.pause_s())
