"""Parsing of requests as received from the gateway."""

import json
from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from interlock.domain.access import Scope
from interlock.domain.errors import Forbidden, InvalidRequest, Unauthorized
from interlock.http.models import CancelRequest, ExecuteRequest, UploadRequest
from interlock.http.requests import authorized, header, idempotency_key, json_body, preference, query, single
from tests.fakes.world import rest_event


def event(text: str | bytes | None = None, **headers: str) -> APIGatewayProxyEvent:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return APIGatewayProxyEvent(rest_event("POST", "/v1/execute", text=text, headers=named))


def execute_body(text: str | bytes, **headers: str) -> ExecuteRequest:
    return json_body(event(text, **headers), ExecuteRequest)


def refused(text: str | bytes, **headers: str) -> str:
    with pytest.raises(InvalidRequest) as caught:
        execute_body(text, **headers)
    return str(caught.value)


# --- Authorization ---


def authorized_by(authorizer: dict[str, str] | None, scope: Scope = Scope.EXECUTE) -> Any:
    return authorized(APIGatewayProxyEvent(rest_event("GET", "/", authorizer=authorizer)), scope)


def test_principal_is_read_from_the_authorizer_context() -> None:
    principal = authorized_by({"tenant": "acme", "key_id": "k1", "scopes": "execute jobs:read"})
    assert (principal.tenant, principal.key_id, principal.scopes) == ("acme", "k1", {"execute", "jobs:read"})


@pytest.mark.parametrize("authorizer", [None, {}, {"tenant": ""}, {"scopes": "admin"}])
def test_request_without_a_tenant_is_unauthorized(authorizer: dict[str, str] | None) -> None:
    with pytest.raises(Unauthorized):
        authorized_by(authorizer)


@pytest.mark.parametrize("scopes", ["", "jobs:read", "executes", "execute,admin"])
def test_missing_scope_is_named(scopes: str) -> None:
    with pytest.raises(Forbidden) as caught:
        authorized_by({"tenant": "acme", "scopes": scopes})
    assert caught.value.details == {"scope": "execute"}


# --- The body ---


def test_body_is_parsed_into_its_model() -> None:
    request = execute_body('{"plugin": "ocr", "tool": "analyze", "input": {"image": "x"}, "timeout_s": 20}')
    assert request == ExecuteRequest(plugin="ocr", tool="analyze", input={"image": "x"}, timeout_s=20)


def test_base64_encoded_body_is_decoded() -> None:
    text = json.dumps({"plugin": "ocr", "input": {"text": "grün"}}, ensure_ascii=False)
    assert execute_body(text.encode()) == execute_body(text)


@pytest.mark.parametrize(
    "content_type", ["application/json", "Application/JSON", "application/json; charset=utf-8", ""]
)
def test_json_content_types_are_accepted(content_type: str) -> None:
    assert execute_body('{"plugin": "ocr", "input": {}}', Content_Type=content_type).plugin == "ocr"


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
def test_other_content_types_are_refused(content_type: str) -> None:
    assert refused('{"plugin": "ocr", "input": {}}', Content_Type=content_type).startswith("Content-Type is ")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "{",
        "{'plugin': 'ocr'}",
        '{"plugin": "ocr",}',
        '{"plugin": "ocr", "input": {"n": NaN}}',
        '{"plugin": "ocr", "input": {"n": Infinity}}',
        '{"plugin": "ocr", "input": {"n": -Infinity}}',
        '\ufeff{"plugin": "ocr", "input": {}}',
        '{"plugin": "ocr", "input": {}} {}',
        '{"plugin": "ocr", "input": {"n": ' + "1" * 5000 + "}}",
    ],
)
def test_body_that_is_not_json_is_reported(text: str) -> None:
    assert refused(text).startswith("The body cannot be read as JSON: ")


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1" + "0" * 400 + ".0"])
def test_number_beyond_the_double_range_is_refused(number: str) -> None:
    assert "out of range" in refused('{"plugin": "ocr", "input": {"n": ' + number + "}}")


@pytest.mark.parametrize("depth", [200, 5_000, 100_000])
def test_deep_nesting_is_refused(depth: int) -> None:
    text = '{"plugin": "ocr", "input": {"x": ' + "[" * depth + "]" * depth + "}}"
    assert refused(text).startswith("The body cannot be read as JSON: ")


def test_moderate_nesting_is_accepted() -> None:
    assert execute_body('{"plugin": "ocr", "input": {"x": ' + "[" * 150 + "]" * 150 + "}}").input.keys() == {"x"}


@pytest.mark.parametrize("escape", [r"\ud800", r"\uDFFF", r"\ud83d x", r"\\ \udc00"])
@pytest.mark.parametrize(
    "form",
    [
        '{"plugin": "ocr", "input": {"x": "%s"}}',
        '{"plugin": "%s", "input": {}}',
        '{"plugin": "ocr", "input": {"%s": 1}}',
    ],
)
def test_unpaired_surrogate_is_refused(form: str, escape: str) -> None:
    assert refused(form % escape).startswith("The body cannot be read as JSON: ")


@pytest.mark.parametrize(("escape", "text"), [(r"\ud83d\ude00", "😀"), (r"\\ud800", r"\ud800"), (r"\u00e9", "é")])
def test_escaped_characters_are_accepted(escape: str, text: str) -> None:
    assert execute_body('{"plugin": "ocr", "input": {"x": "' + escape + '"}}').input == {"x": text}


def test_body_that_is_not_utf_8_is_refused() -> None:
    assert refused(b'{"plugin": "\xff"}').startswith("The body cannot be read as JSON: ")
    assert refused('{"plugin": "\ud800"}').startswith("The body cannot be read as JSON: ")


@pytest.mark.parametrize("body", ["%%%", "abc", "äöü"])
def test_invalid_base64_body_is_refused(body: str) -> None:
    broken = rest_event("POST", "/v1/execute") | {"body": body, "isBase64Encoded": True}
    with pytest.raises(InvalidRequest, match="not valid base64"):
        json_body(APIGatewayProxyEvent(broken), ExecuteRequest)


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"input": {}}, "/plugin"),
        ({"plugin": "ocr"}, "/input"),
        ({"plugin": "", "input": {}}, "/plugin"),
        ({"plugin": "x" * 65, "input": {}}, "/plugin"),
        ({"plugin": 3, "input": {}}, "/plugin"),
        ({"plugin": "ocr", "input": []}, "/input"),
        ({"plugin": "ocr", "input": None}, "/input"),
        ({"plugin": "ocr", "input": {}, "tool": ""}, "/tool"),
        ({"plugin": "ocr", "input": {}, "tool": 1}, "/tool"),
        ({"plugin": "ocr", "input": {}, "timeout_s": 0}, "/timeout_s"),
        ({"plugin": "ocr", "input": {}, "timeout_s": 5e-324}, "/timeout_s"),
        ({"plugin": "ocr", "input": {}, "timeout_s": -1}, "/timeout_s"),
        ({"plugin": "ocr", "input": {}, "timeout_s": 871}, "/timeout_s"),
        ({"plugin": "ocr", "input": {}, "timeout_s": "20"}, "/timeout_s"),
        ({"plugin": "ocr", "input": {}, "timeout_s": True}, "/timeout_s"),
        ({"plugin": "ocr", "input": {}, "timeout_s": 10**400}, "/timeout_s"),
        ({"plugin": "ocr", "input": {}, "Tool": "x"}, "/Tool"),
        ({"plugin": "ocr", "input": {}, "a/b": 1}, "/a~1b"),
    ],
)
def test_missing_unknown_or_invalid_field_is_named(document: Any, path: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        execute_body(json.dumps(document))
    assert [one["path"] for one in caught.value.details["errors"]] == [path]
    assert path in str(caught.value)


@pytest.mark.parametrize("text", ["[]", "null", "3", '"text"', "true"])
def test_body_that_is_not_an_object_is_refused(text: str) -> None:
    for model in (ExecuteRequest, CancelRequest, UploadRequest):
        with pytest.raises(InvalidRequest, match=r"^The body must be a JSON object\.$") as caught:
            json_body(event(text), model)
        assert caught.value.details == {"errors": [{"path": "", "message": "must be a JSON object"}]}


def test_error_is_small_for_any_request() -> None:
    # A response has the same size limit as a request.
    many = json.dumps({"plugin": "ocr", "input": {}} | {f"field{n}": n for n in range(50_000)})
    long = json.dumps({"plugin": "ocr", "input": {}, "x" * 1_000_000: 1})
    for text in (many, long):
        with pytest.raises(InvalidRequest) as caught:
            execute_body(text)
        assert len(json.dumps(caught.value.details)) + len(str(caught.value)) < 10_000


@pytest.mark.parametrize("text", [None, "", "  \n"])
def test_optional_body_may_be_omitted(text: str | None) -> None:
    assert json_body(event(text, Content_Type="text/plain"), CancelRequest, optional=True) == CancelRequest()


def test_optional_body_is_validated_if_present() -> None:
    assert json_body(event('{"reason": "x"}'), CancelRequest, optional=True).reason == "x"
    with pytest.raises(InvalidRequest):
        json_body(event('{"reason": "' + "x" * 501 + '"}'), CancelRequest, optional=True)


# --- Headers ---


def test_header_names_are_case_insensitive() -> None:
    assert header(event(PREFER="respond-async"), "Prefer") == "respond-async"
    assert header(event(), "Prefer") == ""


def test_repeated_headers_are_joined_whatever_their_case() -> None:
    several = rest_event("POST", "/") | {"multiValueHeaders": {"Prefer": ["a", "b"], "prefer": ["c"]}}
    assert header(APIGatewayProxyEvent(several), "PREFER") == "a, b, c"


def test_single_value_headers_are_used_without_multi_value_headers() -> None:
    single_headers = rest_event("POST", "/", headers={"prefer": "x"}) | {"multiValueHeaders": None}
    assert header(APIGatewayProxyEvent(single_headers), "Prefer") == "x"


@pytest.mark.parametrize(
    ("prefer", "wait_s"),
    [
        ("", None),
        ("wait=10", None),
        ("return=minimal", None),
        ("respond-asynchronously", None),
        ("respond-async", 0),
        ("Respond-Async", 0),
        ("respond-async, wait=10", 10),
        ("respond-async,wait=10", 10),
        ("wait=20, respond-async", 20),
        ("respond-async, wait=0", 0),
        ('respond-async, wait="7"', 7),
        ("respond-async, WAIT = 7", 7),
        ("respond-async, wait=5, wait=9", 5),
        ("respond-async; wait=5", 0),
        ("respond-async; foo=bar, wait=5; baz", 5),
        ("handling=lenient, respond-async , return=minimal", 0),
        ("respond-async=", 0),
        # A quoted value may contain the syntax of preferences.
        ('foo="x, respond-async"', None),
        ('foo="a;b\\", respond-async, wait=3", respond-async', 0),
    ],
)
def test_preferences_are_parsed_as_rfc_7240_defines(prefer: str, wait_s: int | None) -> None:
    assert preference(event(Prefer=prefer)) == wait_s


@pytest.mark.parametrize("wait", ["21", "-1", "1.5", "abc", "0x5", "²", "1_0", "9" * 5000, "1 0"])
def test_invalid_wait_is_refused(wait: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        preference(event(Prefer=f"respond-async, wait={wait}"))
    assert "must be whole seconds from 0 to 20" in str(caught.value)
    assert len(str(caught.value)) < 400


def test_wait_may_have_leading_zeros() -> None:
    assert preference(event(Prefer="respond-async, wait=007")) == 7


@pytest.mark.parametrize("key", ["a", "!~ x", "x" * 255])
def test_idempotency_key_is_used_unchanged(key: str) -> None:
    assert idempotency_key(event(Idempotency_Key=key)) == key


@pytest.mark.parametrize("key", ["", "x" * 256, "é", "a\tb", "a\n"])
def test_invalid_idempotency_key_is_refused(key: str) -> None:
    with pytest.raises(InvalidRequest, match="1 to 255 printable ASCII"):
        idempotency_key(event(Idempotency_Key=key))


@pytest.mark.parametrize(
    "several", [{"Idempotency-Key": ["k1", "k2"]}, {"Idempotency-Key": ["k1"], "idempotency-key": ["k1"]}]
)
def test_repeated_idempotency_key_is_refused(several: dict[str, list[str]]) -> None:
    twice = APIGatewayProxyEvent(rest_event("POST", "/") | {"multiValueHeaders": several})
    with pytest.raises(InvalidRequest, match="Idempotency-Key may be given only once"):
        idempotency_key(twice)


def test_missing_idempotency_key_is_none() -> None:
    assert idempotency_key(event()) is None


# --- The query ---


def query_event(**values: list[str]) -> APIGatewayProxyEvent:
    return APIGatewayProxyEvent(rest_event("GET", "/v1/jobs", query=values))


def test_query_is_read_from_multi_and_single_value_parameters() -> None:
    assert query(query_event(status=["a", "b"]), "status") == {"status": ["a", "b"]}
    old = rest_event("GET", "/v1/jobs", query={"limit": ["5"]}) | {"multiValueQueryStringParameters": None}
    assert query(APIGatewayProxyEvent(old), "limit") == {"limit": ["5"]}
    assert query(query_event(), "limit") == {}


def test_unknown_query_parameter_is_reported_with_the_known_ones() -> None:
    with pytest.raises(InvalidRequest, match=r"'statu'.*There are: plugin, status\."):
        query(query_event(statu=["failed"]), "plugin", "status")


def test_query_parameter_of_a_route_without_any_is_reported() -> None:
    assert query(query_event()) == {}
    with pytest.raises(InvalidRequest, match=r"'page'. This route takes none\."):
        query(query_event(page=["2"]))


def test_repeated_or_empty_parameter_is_reported() -> None:
    assert single({"limit": ["5"]}, "limit") == "5"
    assert single({}, "limit") is None
    with pytest.raises(InvalidRequest, match="may be given only once"):
        single({"limit": ["5", "5"]}, "limit")
    with pytest.raises(InvalidRequest, match="is empty"):
        single({"limit": [""]}, "limit")
