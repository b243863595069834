"""Webhooks: the secret that signs them, and sending their messages again."""

from interlock.domain.access import Scope
from interlock.domain.webhook import WebhookEvent
from interlock.domain.webhook_secret import SigningSecrets
from interlock.http.app import HttpApp
from interlock.http.models import RedeliverRequest
from interlock.http.powertools import Response
from interlock.http.presenters import job_document, webhook_secret_document
from interlock.http.requests import authorized, job_id_of, json_body, query
from interlock.http.responses import ACCEPTED_HEADERS, NOT_STORED, json_response
from interlock.jobs.deliveries import Redelivery, with_webhook
from interlock.jobs.service import JobService
from interlock.jobs.signing import Signing
from interlock.ports import Clock


def add_redeliver_route(app: HttpApp, service: JobService, redelivery: Redelivery) -> None:
    """Register `/v1/jobs/{id}/webhook/redeliver`."""

    @app.route("POST", "/v1/jobs/<job_id>/webhook/redeliver")
    def redeliver(job_id: str) -> Response[str]:
        tenant = authorized(app.resolver.current_event, Scope.EXECUTE).tenant
        job = with_webhook(service.get(tenant, job_id_of(job_id)))
        request = json_body(app.resolver.current_event, RedeliverRequest, optional=True)
        event = None if request.event is None else WebhookEvent(request.event)
        return json_response(202, job_document(job, redelivery(job, event)), ACCEPTED_HEADERS)


def add_secret_routes(app: HttpApp, signing: Signing, clock: Clock) -> None:
    """Register `/v1/webhook-secret`."""

    def answer(secrets: SigningSecrets) -> Response[str]:
        return json_response(200, webhook_secret_document(secrets, clock()), NOT_STORED)

    @app.route("GET", "/v1/webhook-secret")
    def get_secret() -> Response[str]:
        event = app.resolver.current_event
        tenant = authorized(event, Scope.ADMIN).tenant
        query(event)
        return answer(signing.secrets(tenant))

    @app.route("POST", "/v1/webhook-secret/rotate")
    def rotate_secret() -> Response[str]:
        return answer(signing.rotate(authorized(app.resolver.current_event, Scope.ADMIN).tenant))
