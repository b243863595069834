"""The client's types agree with the contract that the service publishes."""

import json
from typing import Any, get_args, get_type_hints

import pytest

from interlock.domain.access import KeyState, Scope
from interlock.domain.batch import BATCH_FINAL, MAX_BATCH_BYTES, BatchStatus
from interlock.domain.errors import ERROR_TYPES
from interlock.domain.job_status import FINAL, JobStatus
from interlock.domain.lifecycle import LifecycleState
from interlock_client import InterlockError, batch_documents, documents, errors
from interlock_client.batch_operations import MAX_BATCH_FILES_BYTES
from interlock_client.files import MAX_INLINE_BYTES, decode_file, save_file
from interlock_dev.lambda_.pool import MAX_REQUEST_BYTES
from tests.pure.repository.template import ROOT

SCHEMAS: dict[str, Any] = json.loads((ROOT / "layers/runtime/interlock/http/openapi.json").read_text())["components"][
    "schemas"
]
DOCUMENTS = {
    documents.ErrorDocument: "Error",
    documents.Manifest: "PluginManifest",
    **{
        getattr(documents, name): name
        for name in (
            *("Progress", "Cancel", "StateEvent", "ProgressEvent", "LogEvent", "DroppedEvent"),
            *("Delivery", "Webhook", "WebhookSecret", "ApiKey", "NewApiKey"),
            *("Tool", "Setting", "PluginSummary", "Counters", "PluginHealth", "ServiceHealth"),
        )
    },
    documents.JobDocument: "Job",
    batch_documents.BatchDocument: "Batch",
    batch_documents.BatchCounts: "BatchCounts",
}


def test_every_error_type_has_a_class() -> None:
    assert set(errors.CLASSES) == set(ERROR_TYPES.values())
    assert len(set(errors.CLASSES.values())) == len(errors.CLASSES)
    assert all(issubclass(one, InterlockError) for one in errors.CLASSES.values())


def test_unknown_error_type_is_the_base_class() -> None:
    error = errors.error_of({"type": "NewError", "code": "new", "message": "m"}, status=400)
    assert (type(error), error.code) == (InterlockError, "new")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda one: one.__name__)
def test_document_has_the_fields_of_the_published_schema(document: type) -> None:
    assert set(get_type_hints(document)) == set(SCHEMAS[DOCUMENTS[document]]["properties"])


def test_statuses_and_states_are_those_of_the_service() -> None:
    assert set(get_args(documents.Status.__value__)) == {*JobStatus}
    assert set(get_args(documents.State.__value__)) == {*LifecycleState}
    assert set(get_args(documents.Scope.__value__)) == {*Scope}
    assert set(get_args(documents.KeyState.__value__)) == {*KeyState}
    assert documents.FINAL == FINAL
    assert set(get_args(batch_documents.BatchStatus.__value__)) == {*BatchStatus}
    assert batch_documents.BATCH_FINAL == BATCH_FINAL


def test_inline_files_leave_room_in_a_request() -> None:
    assert MAX_INLINE_BYTES * 4 / 3 < MAX_REQUEST_BYTES - 1024 * 1024
    assert MAX_BATCH_FILES_BYTES * 4 / 3 < MAX_BATCH_BYTES - 14 * 1024 * 1024


def test_file_of_a_result_is_decoded_and_saved(tmp_path: Any) -> None:
    assert decode_file("aGVsbG8=") == b"hello"
    assert save_file("aGVsbG8=", tmp_path / "out.txt").read_bytes() == b"hello"
    with pytest.raises(ValueError, match="not a file in base64"):
        decode_file("hello!")
