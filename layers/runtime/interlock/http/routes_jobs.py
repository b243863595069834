"""Routes below `/v1/jobs`: list, read, result, events, cancel."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime

from interlock.domain.access import Scope
from interlock.domain.errors import InvalidRequest, NotFinished
from interlock.domain.job import Job
from interlock.domain.job_status import STATUS_ALIASES, JobStatus
from interlock.http.app import HttpApp
from interlock.http.cursors import SECRET_NAME, Cursors
from interlock.http.documents.values import JOB_ID
from interlock.http.models import CancelRequest
from interlock.http.powertools import Response
from interlock.http.presenters import events_document, job_document, job_list, result_document
from interlock.http.requests import (
    Preferences,
    RequestTimes,
    authorized,
    job_id_of,
    json_body,
    limit_of,
    preferences,
    query,
    single,
)
from interlock.http.responses import ACCEPTED_HEADERS, error_response, json_response
from interlock.http.results import presented
from interlock.jobs.deliveries import Deliveries
from interlock.jobs.documents import Documents
from interlock.jobs.service import JobService, finished
from interlock.ports import JobFilter, Secrets

FILTERS = ("plugin", "tool", "status", "created_after", "created_before", "batch")
MAX_NAME = 64
MAX_AFTER = 999_999_999
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+ -]\d\d:\d\d)", re.ASCII)


def add_job_routes(
    app: HttpApp,
    service: JobService,
    documents: Documents,
    deliveries: Deliveries,
    secrets: Secrets,
    *,
    max_wait_s: int,
) -> None:
    """Register the routes below `/v1/jobs` that run no tool."""
    _add_list_route(app, service, secrets)
    _add_read_routes(app, service, documents, deliveries, max_wait_s=max_wait_s)
    _add_cancel_route(app, service, deliveries)


def _add_list_route(app: HttpApp, service: JobService, secrets: Secrets) -> None:
    cursors = Cursors(lambda: secrets.secret(SECRET_NAME))

    @app.route("GET", "/v1/jobs")
    def list_jobs() -> Response[str]:
        principal = authorized(app.resolver.current_event, Scope.JOBS_READ)
        values = query(app.resolver.current_event, *FILTERS, "limit", "cursor")
        plugin, tool = _name(values, "plugin"), _name(values, "tool")
        statuses = [_status(word) for word in values.get("status", [])]
        after, before = (_moment(values, name) for name in ("created_after", "created_before"))
        batch_id = _batch_id(single(values, "batch"))
        wanted = JobFilter(principal.tenant, plugin, tool, statuses, after, before, batch_id)
        listing = [principal.tenant, plugin, tool, sorted(statuses), str(after), str(before), batch_id]
        jobs, next_id = service.page(
            wanted, limit=limit_of(values), before_id=cursors.read(single(values, "cursor"), listing)
        )
        return json_response(200, job_list(jobs, cursors.write(next_id, listing) if next_id else None))


def _wait_if_preferred(
    app: HttpApp, service: JobService, job: Job, preferred: Preferences, is_awaited: Callable[[Job], bool]
) -> Job:
    """Return a job: at once, or, if the caller waits, when `is_awaited` returns true for it or the wait is over."""
    if not preferred.wait_s:
        return job
    times = RequestTimes.of(app.resolver.current_event, app.resolver.lambda_context)
    return service.wait(job, is_awaited, times.waiting(preferred.wait_s))


def _add_read_routes(
    app: HttpApp, service: JobService, documents: Documents, deliveries: Deliveries, *, max_wait_s: int
) -> None:
    def as_finished(job_id: str) -> tuple[Job, Mapping[str, str]]:
        """Return a job, after waiting for its end if the caller prefers that, and the header that confirms the wait."""
        event = app.resolver.current_event
        tenant = authorized(event, Scope.JOBS_READ).tenant
        with _first_not_found(service, tenant, job_id):
            query(event)
            preferred = preferences(event, max_wait_s=max_wait_s)
        job = service.get(tenant, job_id_of(job_id))
        return _wait_if_preferred(app, service, job, preferred, lambda job: job.finished), preferred.wait_applied

    @app.route("GET", "/v1/jobs/<job_id>")
    def get_job(job_id: str) -> Response[str]:
        job, applied = as_finished(job_id)
        return json_response(200, job_document(job, deliveries.of(job)), applied)

    @app.route("GET", "/v1/jobs/<job_id>/result")
    def get_result(job_id: str) -> Response[str]:
        job, applied = as_finished(job_id)
        try:
            return json_response(200, result_document(finished(job), presented(job, documents)), applied)
        except NotFinished as error:
            return error_response(error.info, headers=applied, **error.about)

    @app.route("GET", "/v1/jobs/<job_id>/events")
    def get_events(job_id: str) -> Response[str]:
        event = app.resolver.current_event
        tenant = authorized(event, Scope.JOBS_READ).tenant
        with _first_not_found(service, tenant, job_id):
            after = _after(single(query(event, "after"), "after"))
            preferred = preferences(event, max_wait_s=max_wait_s)
        # A finished job has no further events.
        job = service.get(tenant, job_id_of(job_id))
        job = _wait_if_preferred(app, service, job, preferred, lambda job: job.finished or job.events.last_seq > after)
        return json_response(200, events_document(job.events.after(after), after), preferred.wait_applied)


def _add_cancel_route(app: HttpApp, service: JobService, deliveries: Deliveries) -> None:
    @app.route("POST", "/v1/jobs/<job_id>/cancel")
    @app.route("DELETE", "/v1/jobs/<job_id>")
    def cancel_job(job_id: str) -> Response[str]:
        principal = authorized(app.resolver.current_event, Scope.JOBS_CANCEL)
        with _first_not_found(service, principal.tenant, job_id):
            request = json_body(app.resolver.current_event, CancelRequest, optional=True)
        job = service.cancel(principal.tenant, job_id_of(job_id), request.reason)
        document = job_document(job, deliveries.of(job))
        if job.finished:
            return json_response(200, document)
        return json_response(202, document, ACCEPTED_HEADERS)


@contextmanager
def _first_not_found(service: JobService, tenant: str, job_id: str) -> Iterator[None]:
    """Answer 404 instead of 400 if the caller has no access to the job."""
    try:
        yield
    except InvalidRequest:
        service.get(tenant, job_id_of(job_id))
        raise


def _name(values: Mapping[str, list[str]], parameter: str) -> str | None:
    name = single(values, parameter)
    if name is not None and len(name) > MAX_NAME:
        raise InvalidRequest(f"{parameter} must have at most {MAX_NAME} characters.")
    return name


def _moment(values: Mapping[str, list[str]], parameter: str) -> datetime | None:
    """Return a time (RFC 3339, section 5.6). In a query, `+` is a space. A leap second counts as the one before it."""
    text = single(values, parameter)
    if text is None:
        return None
    with suppress(ValueError):  # such as a thirteenth month
        if RFC_3339.fullmatch(text):
            return datetime.fromisoformat(re.sub(":60(?=[.Z+-])", ":59", text.upper().replace(" ", "+")))
    raise InvalidRequest(f"{parameter}={text[:40]!r} must be a time such as 2026-11-22T10:11:12Z (RFC 3339).")


def _status(word: str) -> JobStatus:
    try:
        return STATUS_ALIASES.get(word) or JobStatus(word)
    except ValueError:
        raise InvalidRequest(f"status={word!r} is not one of: {', '.join(JobStatus)}.") from None


def _batch_id(text: str | None) -> str | None:
    if text is not None and not re.fullmatch(JOB_ID, text):
        raise InvalidRequest(f"batch={text[:40]!r} must be the id of a batch.")
    return text


def _after(text: str | None) -> int:
    if not re.fullmatch("[0-9]{1,9}", text or "0"):
        raise InvalidRequest(f"after must be the seq of an event, a whole number from 0 to {MAX_AFTER}.")
    return int(text or 0)
