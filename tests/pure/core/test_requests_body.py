"""Parsing of bodies as received from the gateway."""

import json
from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from interlock.domain.errors import InvalidRequest
from interlock.http.models import CancelRequest, ExecuteRequest, UploadRequest
from interlock.http.requests import json_body
from tests.fakes.world import rest_event
from tests.pure.core.gateway_events import event


def execute_body(text: str | bytes, **headers: str) -> ExecuteRequest:
    return json_body(event(text, **headers), ExecuteRequest)


def refused(text: str | bytes, **headers: str) -> str:
    with pytest.raises(InvalidRequest) as caught:
        execute_body(text, **headers)
    return str(caught.value)


def test_body_is_parsed_into_its_type() -> None:
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
