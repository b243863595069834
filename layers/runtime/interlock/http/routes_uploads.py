"""`POST /v1/uploads`: create a presigned upload."""

from aws_lambda_powertools.event_handler import Response

from interlock.domain.access import Scope
from interlock.http.app import HttpApp
from interlock.http.models import UploadRequest
from interlock.http.presenters import upload_document
from interlock.http.requests import authorized, json_body
from interlock.http.responses import json_response
from interlock.jobs.uploads import Uploads


def add_upload_route(app: HttpApp, uploads: Uploads) -> None:
    """Register `/v1/uploads`."""

    @app.route("POST", "/v1/uploads")
    def create_upload() -> Response[str]:
        principal = authorized(app.resolver.current_event, Scope.EXECUTE)
        request = json_body(app.resolver.current_event, UploadRequest)
        return json_response(201, upload_document(uploads.new(principal.tenant, request.content_type, request.size)))
