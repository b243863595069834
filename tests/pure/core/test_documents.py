"""Inputs and results: stored in the job if small, in the object store if large."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.domain.errors import NotFound
from interlock.jobs.documents import INLINE_LIMIT_BYTES, Documents
from tests.fakes.jobs import a_job
from tests.fakes.outside import MemoryObjects

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(values)
def test_documents_round_trip(value: Any) -> None:
    documents = Documents(MemoryObjects())
    stored = documents.write(a_job(), "input", value)
    assert stored.key is None
    assert documents.read(stored) == value


def of_size(size: int) -> str:
    """Return a value whose JSON text has this many bytes."""
    return "x" * (size - 2)


def test_document_at_the_size_limit_is_stored_inline() -> None:
    objects = MemoryObjects()
    stored = Documents(objects).write(a_job(), "input", of_size(INLINE_LIMIT_BYTES))
    assert (stored.size_bytes, stored.key, objects.texts) == (INLINE_LIMIT_BYTES, None, {})


def test_document_over_the_size_limit_is_stored_under_its_tenant_and_job() -> None:
    objects, job = MemoryObjects(), a_job()
    documents = Documents(objects)
    value = of_size(INLINE_LIMIT_BYTES + 1)
    stored = documents.write(job, "result-1", value)
    assert stored.text is None
    assert stored.key == f"jobs/acme/{job.job_id}/result-1.json"
    assert stored.size_bytes == len(objects.texts[stored.key]) == INLINE_LIMIT_BYTES + 1
    assert documents.read(stored) == value


def test_size_is_that_of_the_json_text_in_bytes() -> None:
    # JSON escapes each character in six bytes: \u00e4.
    stored = Documents(MemoryObjects()).write(a_job(), "input", "ä" * 10)
    assert stored.size_bytes == 62
    assert stored.text is not None
    assert json.loads(stored.text) == "ä" * 10


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_values_that_json_cannot_represent_are_rejected(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        Documents(MemoryObjects()).write(a_job(), "input", {"x": number})


def test_expired_document_is_not_found() -> None:
    objects = MemoryObjects()
    documents = Documents(objects)
    stored = documents.write(a_job(), "input", of_size(INLINE_LIMIT_BYTES + 1))
    objects.texts.clear()
    with pytest.raises(NotFound):
        documents.read(stored)


def test_download_url_names_the_object() -> None:
    documents = Documents(MemoryObjects())
    stored = documents.write(a_job(job_id="J"), "result-1", of_size(INLINE_LIMIT_BYTES + 1))
    url = documents.download_url(stored, expires_in_s=900)
    assert url == "https://objects.test/jobs/acme/J/result-1.json?expires=900"
