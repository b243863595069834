"""Error responses of the local AWS, in the form that each protocol has."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from xml.sax.saxutils import escape

LAMBDA_PATH = "/2015-03-31/functions/"

_S3_CODES = {
    "AccessDeniedException": "AccessDenied",
    "InvalidSignatureException": "SignatureDoesNotMatch",
    "MissingAuthenticationTokenException": "AccessDenied",
    "SerializationException": "InvalidRequest",
    "UnrecognizedClientException": "InvalidAccessKeyId",
}


def refuse(environ: Mapping[str, Any], start_response: Callable[..., Any], code: str, message: str) -> Iterable[bytes]:
    """Answer a request with an error of AWS: JSON with status 400 for DynamoDB and Step Functions, JSON with 403 for
    Lambda, XML with 403 for S3, which has its own name for each code."""
    status, headers = "403 Forbidden", {"Content-Type": "application/json"}
    if "HTTP_X_AMZ_TARGET" in environ:
        status, headers = "400 Bad Request", {"Content-Type": "application/x-amz-json-1.0"}
        text = json.dumps({"__type": f"com.amazon.coral.service#{code}", "Message": message})
    elif environ.get("PATH_INFO", "").startswith(LAMBDA_PATH):
        headers["x-amzn-ErrorType"] = code
        text = json.dumps({"Message": message})
    else:
        headers["Content-Type"] = "application/xml"
        text = f"<Error><Code>{_S3_CODES.get(code, code)}</Code><Message>{escape(message)}</Message></Error>"
    body = text.encode()
    start_response(status, [*headers.items(), ("Content-Length", str(len(body)))])
    return [body]
