"""The OpenAPI document: up to date, valid, with valid examples, and consistent with the domain."""

import io
import json
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from importlib.resources import files
from typing import Any, get_args
from urllib.parse import urljoin

import jsonschema_rs
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from ulid import ULID

from interlock.domain.access import Scope
from interlock.domain.errors import ERROR_TYPES, ErrorCode
from interlock.domain.job import CancelOutcome
from interlock.domain.job_status import FINAL, STATUS_ALIASES, JobStatus
from interlock.domain.lifecycle import LifecycleState
from interlock.http import routes_jobs
from interlock.http.documents.values import JOB_ID, MAX_PAGE
from interlock.http.requests import DEFAULT_LIMIT, MAX_WAIT_S
from interlock.http.responses import STATUS_BY_CODE
from interlock_dev.openapi import document

type Json = dict[str, Any]

DOCUMENT: Json = json.loads(files("interlock").joinpath("http", "openapi.json").read_text())
COMPONENTS: Json = DOCUMENT["components"]
NO_KEY = {"getHealth", "getOpenApi", "getResourceMetadata"}


def operations() -> Iterator[tuple[str, str, Json]]:
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def resolved(node: Json) -> Json:
    """Return the target of a reference, or any other node unchanged."""
    while "$ref" in node:
        found: Any = DOCUMENT
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


def nodes(node: Any, where: str = "#") -> Iterator[tuple[str, Json]]:
    """Yield every object of the document with its JSON Pointer."""
    if isinstance(node, dict):
        yield where, node
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield from nodes(value, f"{where}/{key}")


def problems(schema: Json, value: Any) -> list[str]:
    validator = jsonschema_rs.Draft202012Validator({**schema, "components": COMPONENTS}, validate_formats=True)
    return [error.message for error in validator.iter_errors(value)]


def examples() -> Iterator[tuple[str, Json, Any]]:
    """Yield every example with its JSON Pointer and schema."""
    for where, node in nodes(DOCUMENT):
        if where.endswith("/value"):
            continue
        if "schema" in node:
            if "example" in node:
                yield where, node["schema"], node["example"]
            for name, example in node.get("examples", {}).items():
                yield f"{where} {name}", node["schema"], example["value"]
        elif isinstance(node.get("examples"), list):
            for example in node["examples"]:
                yield where, node, example


# --- The document as a whole -----------------------------------------------------------------------------------------


def test_committed_document_is_up_to_date() -> None:
    written = io.StringIO()
    with redirect_stdout(written):
        document.main()
    assert files("interlock").joinpath("http", "openapi.json").read_text() == written.getvalue(), "run: make openapi"


def test_document_is_valid_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert [error.message for error in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()] == []


def test_every_schema_is_valid_json_schema() -> None:
    for schema in COMPONENTS["schemas"].values():
        jsonschema_rs.meta.validate({**schema, "$schema": "https://json-schema.org/draft/2020-12/schema"})


def test_every_component_is_used() -> None:
    used = {node["$ref"] for _, node in nodes(DOCUMENT) if isinstance(node.get("$ref"), str)}
    defined = {
        f"#/components/{kind}/{name}"
        for kind, several in COMPONENTS.items()
        if kind != "securitySchemes"
        for name in several
    }
    assert used == defined


def test_every_example_matches_its_schema() -> None:
    found = list(examples())
    assert [f"{where}: {problem}" for where, schema, value in found for problem in problems(schema, value)] == []
    # Every operation has an example of each response, and of its body if it has one.
    assert len(found) > 50
    for _, _, operation in operations():
        answers = [resolved(answer) for answer in operation["responses"].values()]
        contents = [answer["content"]["application/json"] for answer in answers if "content" in answer]
        contents += [operation["requestBody"]["content"]["application/json"]] if "requestBody" in operation else []
        assert all(content["examples"] for content in contents), operation["operationId"]


def test_invalid_examples_are_detected() -> None:
    [job] = [value for where, _, value in examples() if where.endswith("getJob/get") or " running" in where][:1]
    assert problems({"$ref": "#/components/schemas/Job"}, job) == []
    assert problems({"$ref": "#/components/schemas/Job"}, {**job, "status": "RUNNING"})
    assert problems({"$ref": "#/components/schemas/Job"}, {**job, "created_at": "2026-11-22T10:11:12Z"})
    assert problems({"$ref": "#/components/schemas/Job"}, {**job, "job_id": None})


def test_error_time_may_have_the_format_of_the_service_or_the_gateway() -> None:
    schema = {"$ref": "#/components/schemas/ErrorTime"}
    for time in ("2026-11-22T10:11:12.345Z", "22/Nov/2026:10:11:12 +0000"):
        assert problems(schema, time) == []
    for time in ("2026-11-22T10:11:12Z", "22/Nov/2026 10:11:12", "2026-11-22T10:11:12.345Z or so", ""):
        assert problems(schema, time)


def test_members_of_a_union_are_distinguished() -> None:
    unions = [(where, node) for where, node in nodes(COMPONENTS["schemas"]) if "oneOf" in node]
    assert unions
    for where, node in unions:
        name, mapping = node["discriminator"]["propertyName"], node["discriminator"]["mapping"]
        assert [{"$ref": target} for target in mapping.values()] == node["oneOf"], where
        for value, target in mapping.items():
            member = resolved({"$ref": target})
            assert (member["properties"][name]["const"], name in member["required"]) == (value, True), where


# --- Operations ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "method", "operation"), [*operations()])
def test_each_operation_is_complete(path: str, method: str, operation: Json) -> None:
    assert operation["operationId"]
    assert operation["summary"]
    assert operation["description"]
    assert set(operation["tags"]) <= {tag["name"] for tag in DOCUMENT["tags"]}
    in_path = {one["name"] for one in map(resolved, operation.get("parameters", [])) if one["in"] == "path"}
    assert in_path == set(re.findall(r"{(\w+)}", path))
    expected = {"405", "429", "503"} | (set() if operation["operationId"] in NO_KEY else {"401", "403"})
    expected |= {"413"} if "requestBody" in operation else set()
    assert expected <= set(operation["responses"])


def test_scopes_match_the_domain() -> None:
    needed = {operation["operationId"]: operation["security"] for _, _, operation in operations()}
    assert {name for name, security in needed.items() if not security} == NO_KEY
    # Either a key or a token, with the same scope.
    for security in needed.values():
        schemes = [scheme for one in security for scheme in one]
        assert schemes in ([], ["ApiKey", "Token"])
        assert len({str(scopes) for one in security for scopes in one.values()}) <= 1
    scopes = {scope for security in needed.values() for scope in (security[0]["ApiKey"] if security else [])}
    assert scopes == set(Scope)
    scheme = COMPONENTS["securitySchemes"]["ApiKey"]
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "header", "X-API-Key")
    assert all(f"`{scope}`" in scheme["description"] for scope in Scope)


def test_links_name_existing_operations_and_response_fields() -> None:
    targets = {operation["operationId"]: operation for _, _, operation in operations()}
    seen = set()
    for _, _, operation in operations():
        for answer in map(resolved, operation["responses"].values()):
            content = answer.get("content", {}).get("application/json", {"schema": {}})
            properties = resolved(content["schema"]).get("properties", {})
            for name, reference in answer.get("links", {}).items():
                link = resolved(reference)
                takes = {one["name"] for one in map(resolved, targets[link["operationId"]].get("parameters", []))}
                assert set(link["parameters"]) <= takes
                assert {value.removeprefix("$response.body#/") for value in link["parameters"].values()} <= set(
                    properties
                )
                seen.add((operation["operationId"], name))
    assert {("execute", "getJob"), ("execute", "getResult"), ("execute", "cancelJob"), ("getJob", "getResult")} <= seen


def test_first_server_is_relative_to_the_document() -> None:
    for base in ("http://127.0.0.1:3000/", "https://a1.execute-api.us-east-1.amazonaws.com/prod/"):
        assert urljoin(f"{base}v1/openapi.json", DOCUMENT["servers"][0]["url"]) == base


def test_execute_responses_document_their_headers() -> None:
    answers = DOCUMENT["paths"]["/v1/execute"]["post"]["responses"]
    every = {"X-Request-Id"}
    accepted = {"Location", "Retry-After", "Preference-Applied", "Idempotency-Replayed"}
    assert set(answers["202"]["headers"]) == accepted | every
    assert set(resolved(answers["405"])["headers"]) == {"Allow"} | every
    for status in ("429", "503"):
        assert set(resolved(answers[status])["headers"]) == {"Retry-After"} | every


# --- Errors ----------------------------------------------------------------------------------------------------------


def refusals() -> Iterator[tuple[int, Json]]:
    """Yield the error examples of all operations with their status codes, except for JSON-RPC errors."""
    for _, _, operation in operations():
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                content = resolved(answer)["content"]["application/json"]
                if operation["operationId"] == "mcp" and status in {"400", "404"}:
                    continue
                assert content["schema"] == {"$ref": "#/components/schemas/ErrorEnvelope"}
                for code, example in content["examples"].items():
                    assert example["value"]["error"]["code"] == code
                    yield int(status), example["value"]["error"]


def test_envelope_lists_every_error_code_and_type_of_the_domain() -> None:
    error = resolved(COMPONENTS["schemas"]["ErrorEnvelope"]["properties"]["error"])["properties"]
    assert resolved(error["code"])["enum"] == [code.value for code in ErrorCode]
    assert set(resolved(error["type"])["enum"]) == set(ERROR_TYPES.values())
    for code, error_type in ERROR_TYPES.items():
        assert re.search(rf"^- `{error_type}`:.*`{code}`", resolved(error["code"])["description"], re.MULTILINE)


OF_BATCHES = ErrorCode.TOO_MANY_FAILURES
"""The code of an error that only a batch can have. It is never in an error envelope."""


def test_every_error_code_has_an_example() -> None:
    shown = {(status, error["code"]) for status, error in refusals() if status != 405}
    assert shown == {(STATUS_BY_CODE.get(code, 400), code.value) for code in ErrorCode if code is not OF_BATCHES}


def test_error_examples_have_the_type_of_their_code() -> None:
    assert {(error["code"], error["type"]) for _, error in refusals()} == {
        (code.value, error_type) for code, error_type in ERROR_TYPES.items() if code is not OF_BATCHES
    }


# --- Enums and bounds ------------------------------------------------------------------------------------------------


def test_enums_match_the_domain() -> None:
    schemas = COMPONENTS["schemas"]
    assert schemas["JobStatus"]["enum"] == [str(status) for status in JobStatus]
    assert schemas["LifecycleState"]["enum"] == [str(state) for state in LifecycleState]
    assert schemas["CancelOutcome"]["enum"] == list(get_args(CancelOutcome.__value__))
    assert set(schemas["JobResult"]["properties"]["status"]["enum"]) == {str(status) for status in FINAL}
    assert set(COMPONENTS["parameters"]["status"]["schema"]["items"]["enum"]) == {*map(str, JobStatus), *STATUS_ALIASES}


def test_bounds_match_the_routes() -> None:
    parameters = COMPONENTS["parameters"]
    limit = parameters["limit"]["schema"]
    assert (limit["minimum"], limit["maximum"], limit["default"]) == (
        1,
        MAX_PAGE,
        DEFAULT_LIMIT,
    )
    assert {parameters[name]["schema"]["maxLength"] for name in ("plugin", "tool")} == {routes_jobs.MAX_NAME}
    assert f"at most {MAX_WAIT_S} seconds" in parameters["Prefer"]["description"]
    job_id = COMPONENTS["schemas"]["JobId"]["pattern"]
    assert job_id == f"^{JOB_ID}$"
    assert re.fullmatch(job_id, str(ULID()))
