"""`POST /v1/uploads`: create a presigned upload."""

from interlock.domain.access import Scope
from interlock.domain.problems import problem
from interlock.domain.upload_id import is_content_type
from interlock.http.app import HttpApp
from interlock.http.models import UploadRequest
from interlock.http.powertools import Response
from interlock.http.presenters import upload_document
from interlock.http.requests import authorized, invalid_body, json_body
from interlock.http.responses import json_response
from interlock.jobs.uploads import Uploads


def add_upload_route(app: HttpApp, uploads: Uploads) -> None:
    """Register `/v1/uploads`."""

    @app.route("POST", "/v1/uploads")
    def create_upload() -> Response[str]:
        principal = authorized(app.resolver.current_event, Scope.EXECUTE)
        request = json_body(app.resolver.current_event, UploadRequest)
        if not is_content_type(request.content_type):
            raise invalid_body([problem(("content_type",), "must be a media type such as image/png")])
        upload = uploads.new(principal.tenant, request.content_type, int(request.size))
        return json_response(201, upload_document(upload))
