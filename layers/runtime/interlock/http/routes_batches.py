"""Routes below `/v1/batches`: submit, list, read, results, cancel."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from msgspec import Struct

from interlock.domain.access import Principal, Scope
from interlock.domain.batch import Batch, BatchLimits
from interlock.domain.errors import InterlockError, InvalidRequest
from interlock.domain.idempotency import KeyedRequest, comparable
from interlock.domain.problems import problem
from interlock.domain.times import rfc3339, utc_now
from interlock.domain.webhook_url import UrlRules
from interlock.http import documents
from interlock.http.app import HttpApp
from interlock.http.batch_models import BatchRequest
from interlock.http.batch_presenters import batch_document, batch_list
from interlock.http.cursors import SECRET_NAME, Cursors
from interlock.http.models import CancelRequest
from interlock.http.powertools import Response
from interlock.http.requests import (
    as_body,
    authorized,
    batch_id_of,
    batch_location,
    idempotency_key,
    invalid_body,
    json_body,
    json_document,
    limit_of,
    query,
    single,
)
from interlock.http.responses import ACCEPTED_HEADERS, json_response
from interlock.http.webhook_fields import requested_webhook
from interlock.jobs.batches import BatchService, NewBatch, finished
from interlock.jobs.deliveries import Deliveries
from interlock.plugins.registry import PluginRegistry
from interlock.ports import ObjectStore, Secrets

URL_LIFETIME = timedelta(minutes=15)


class BatchParts(Struct, frozen=True, kw_only=True):
    """The services and stores that the routes of batches use."""

    service: BatchService
    registry: PluginRegistry
    objects: ObjectStore
    secrets: Secrets
    deliveries: Deliveries
    rules: UrlRules
    limits: BatchLimits

    def shown(self, batch: Batch) -> documents.Batch:
        """Return a batch with the deliveries of its webhook."""
        return batch_document(batch, self.deliveries.of_batch(batch))


def add_batch_routes(app: HttpApp, parts: BatchParts) -> None:
    """Register the routes below `/v1/batches`."""
    _add_submit_route(app, parts)
    _add_list_route(app, parts)
    _add_read_routes(app, parts)
    _add_cancel_route(app, parts)


def _add_submit_route(app: HttpApp, parts: BatchParts) -> None:
    @app.route("POST", "/v1/batches")
    def submit_batch() -> Response[str]:
        event = app.resolver.current_event
        principal = authorized(event, Scope.EXECUTE)
        key = idempotency_key(event)
        document = json_document(event)
        keyed = KeyedRequest.of(principal.tenant, key, comparable(document)) if key else None
        first = parts.service.earlier(keyed)
        if first is not None:
            return _accepted(event, parts.shown(first), replayed=True)
        request = as_body(document, BatchRequest)
        batch, replayed = parts.service.submit(_new_batch(parts, request, principal, keyed))
        return _accepted(event, parts.shown(batch), replayed=replayed)


def _new_batch(parts: BatchParts, request: BatchRequest, principal: Principal, keyed: KeyedRequest | None) -> NewBatch:
    if (request.items is None) == (request.upload_id is None):
        raise invalid_body([problem((), "needs either items or upload_id")])
    if request.items is not None and len(request.items) > parts.limits.items:
        raise invalid_body([problem(("items",), f"must have at most {parts.limits.items:,} items")])
    with _about(request.plugin, request.tool):
        plugin, tool = parts.registry.find(request.plugin, request.tool)
    given = request.tolerated_failures
    return NewBatch(
        tenant=principal.tenant,
        plugin=plugin.name,
        tool=tool.name,
        plugin_version=plugin.version,
        timeout_s=min(tool.timeout_s, request.timeout_s or tool.timeout_s),
        max_concurrency=parts.limits.concurrency_of(request.max_concurrency, principal.concurrency),
        items=request.items,
        upload_id=request.upload_id,
        tolerated_failures=given if given is None or isinstance(given, str) else str(int(given)),
        deadline_s=request.deadline_s,
        key_id=principal.key_id,
        key_limit=principal.concurrency,
        keyed=keyed,
        webhook=requested_webhook(request.webhook, parts.rules),
    )


@contextmanager
def _about(plugin: str, tool: str | None) -> Iterator[None]:
    """Let errors name the plugin and the tool of the request."""
    try:
        yield
    except InterlockError as error:
        error.about = {"plugin": plugin, "tool": tool, **error.about}
        raise


def _accepted(event: APIGatewayProxyEvent, batch: documents.Batch, *, replayed: bool) -> Response[str]:
    headers: Mapping[str, str] = {"Idempotency-Replayed": "true"} if replayed else {}
    location = {"Location": batch_location(event, batch["batch_id"])}
    return json_response(202, batch, {**location, **ACCEPTED_HEADERS, **headers})


def _add_list_route(app: HttpApp, parts: BatchParts) -> None:
    cursors = Cursors(lambda: parts.secrets.secret(SECRET_NAME))

    @app.route("GET", "/v1/batches")
    def list_batches() -> Response[str]:
        tenant = authorized(app.resolver.current_event, Scope.JOBS_READ).tenant
        values = query(app.resolver.current_event, "limit", "cursor")
        listing = ["batches", tenant]
        page, next_id = parts.service.page(
            tenant,
            limit=limit_of(values),
            before_id=cursors.read(single(values, "cursor"), listing),
        )
        return json_response(200, batch_list(page, cursors.write(next_id, listing) if next_id else None))


def _add_read_routes(app: HttpApp, parts: BatchParts) -> None:
    def read(batch_id: str) -> Batch:
        tenant = authorized(app.resolver.current_event, Scope.JOBS_READ).tenant
        batch = parts.service.get(tenant, batch_id_of(batch_id))
        query(app.resolver.current_event)
        return batch

    @app.route("GET", "/v1/batches/<batch_id>")
    def get_batch(batch_id: str) -> Response[str]:
        return json_response(200, parts.shown(read(batch_id)))

    @app.route("GET", "/v1/batches/<batch_id>/results")
    def get_results(batch_id: str) -> Response[str]:
        batch = finished(read(batch_id))
        lifetime_s = int(URL_LIFETIME.total_seconds())
        document = {
            "download_url": parts.objects.download_url(batch.results_key, expires_in_s=lifetime_s),
            "size": batch.results_bytes,
            "expires_at": rfc3339(utc_now() + URL_LIFETIME),
        }
        return json_response(200, document)


def _add_cancel_route(app: HttpApp, parts: BatchParts) -> None:
    @app.route("POST", "/v1/batches/<batch_id>/cancel")
    def cancel_batch(batch_id: str) -> Response[str]:
        principal = authorized(app.resolver.current_event, Scope.JOBS_CANCEL)
        batch_id = batch_id_of(batch_id)
        try:
            request = json_body(app.resolver.current_event, CancelRequest, optional=True)
        except InvalidRequest:
            parts.service.get(principal.tenant, batch_id)  # 404 instead of 400 if the caller has no access to the batch
            raise
        batch = parts.service.cancel(principal.tenant, batch_id, request.reason)
        if batch.finished:
            return json_response(200, parts.shown(batch))
        return json_response(202, parts.shown(batch), ACCEPTED_HEADERS)
