"""Uploads: ids, validation before a job is created, and download for a run."""

import base64
import string
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.domain.errors import InvalidInput, ServiceUnavailable
from interlock.domain.file_references import FileReference
from interlock.domain.upload_id import (
    CONTENT_TYPE,
    MAX_UPLOAD_BYTES,
    MAX_UPLOADS,
    UPLOAD_LIFETIME,
    NotAnUpload,
    Upload,
    is_content_type,
)
from interlock.jobs.uploads import URL_LIFETIME, Uploads
from tests.fakes.outside import NOON, ManualClock, MemoryObjects

content_types = st.from_regex(CONTENT_TYPE, fullmatch=True).filter(is_content_type)
sizes = st.integers(1, MAX_UPLOAD_BYTES)


# --- Ids ---


@given(content_types, sizes)
def test_upload_id_contains_the_declaration_and_fits_an_object_key(content_type: str, size: int) -> None:
    upload = Upload.new(content_type, size, NOON)
    assert Upload.of_id(upload.id) == upload
    assert len(upload.id) <= 255
    assert upload.key("acme") == f"uploads/acme/{upload.id}"


@given(content_types, sizes, st.data())
def test_changed_upload_id_is_invalid_or_another_valid_id(content_type: str, size: int, data: st.DataObject) -> None:
    text = Upload.new(content_type, size, NOON).id
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(codec="ascii").filter(lambda letter: letter != text[at]))
    changed = text[:at] + other + text[at + 1 :]
    try:
        assert Upload.of_id(changed).id == changed
    except NotAnUpload:
        return


@given(st.text() | st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("=")))
def test_invalid_upload_ids_raise_only_not_an_upload(text: str) -> None:
    try:
        upload = Upload.of_id(text)
    except NotAnUpload:
        return
    assert upload.id == text
    assert upload.expired(NOON) in {True, False}
    assert "/" not in text


@pytest.mark.parametrize("text", ["", "..", "../../jobs/acme/x", "x" * 300, "ä", "AAAA\n", "\ud800", "uploads/acme/x"])
def test_object_keys_and_paths_are_not_upload_ids(text: str) -> None:
    with pytest.raises(NotAnUpload):
        Upload.of_id(text)


@pytest.mark.parametrize("content_type", ["", "png", "image/png\n", "application/x-www-form-urlencoded; charset=utf-8"])
def test_upload_id_with_an_invalid_content_type_is_rejected(content_type: str) -> None:
    with pytest.raises(NotAnUpload):
        Upload.of_id(Upload.new(content_type, 5, NOON).id)


def test_other_encoding_of_an_upload_id_is_rejected() -> None:
    text = Upload.new("image/png", 5, NOON).id
    digits = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    other = text[:-1] + digits[digits.index(text[-1]) + 1]  # differs only in the unused bits of the last character
    assert base64.urlsafe_b64decode(other + "=") == base64.urlsafe_b64decode(text + "=")
    with pytest.raises(NotAnUpload):
        Upload.of_id(other)


def test_upload_ids_have_eighty_random_bits() -> None:
    uploads = [Upload.new("image/png", 5, NOON) for _ in range(1000)]
    assert len({upload.nonce for upload in uploads}) == 1000
    assert {len(upload.nonce) for upload in uploads} == {10}


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("image/png", True),
        ("application/vnd.ms-excel.sheet.binary.macroEnabled.12", True),
        ("text/plain; charset=utf-8", True),
        ("text/plain;charset=utf-8", True),
        ('text/plain; a="b;c"', True),
        ("application/x-www-form-urlencoded", True),
        ("application/x-www-form-urlencoded; charset=utf-8", False),
        ("", False),
        ("png", False),
        ("image/", False),
        ("/png", False),
        ("image/png\r\nX-Evil: 1", False),
        ("image/png\n", False),
        ("image/png;", False),
        ("image/ png", False),
        ("bild/grün", False),
        ("a/" + "b" * 125, True),
        ("a/" + "b" * 126, False),
    ],
)
def test_content_types_are_validated(text: str, good: bool) -> None:
    assert is_content_type(text) is good


# --- Before a job is created ---


class Shelf:
    """Uploads in an in-memory object store."""

    def __init__(self) -> None:
        self.objects, self.clock = MemoryObjects(), ManualClock()
        self.uploads = Uploads(self.objects, clock=self.clock)

    def put(self, content: bytes = b"hello", tenant: str = "acme", content_type: str = "image/png") -> str:
        upload = self.uploads.new(tenant, content_type, len(content)).upload
        self.objects.files[upload.key(tenant)] = (content, content_type)
        return upload.id

    def expected(self, size: int = 5) -> Upload:
        return self.uploads.new("acme", "image/png", size).upload

    def problems(self, *ids: str, tenant: str = "acme") -> list[str]:
        with pytest.raises(InvalidInput) as caught:
            self.uploads.check(tenant, references(*ids))
        errors = caught.value.details["errors"]
        assert str(caught.value).endswith(f"{errors[0]['path']} {errors[0]['message']}.")
        return [f"{one['path']} {one['message']}" for one in errors]


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


def references(*ids: str) -> list[FileReference]:
    names = {upload_id: f"upload-{number}" for number, upload_id in enumerate(dict.fromkeys(ids))}
    return [FileReference(("files", number), upload_id, names[upload_id]) for number, upload_id in enumerate(ids)]


def test_new_upload_has_a_url_under_its_tenant_for_15_minutes(shelf: Shelf) -> None:
    new = shelf.uploads.new("acme", "image/png", 5)
    assert f"/uploads/acme/{new.upload.id}?expires=900" in new.request.url
    assert new.expires_at == NOON + URL_LIFETIME == NOON + timedelta(minutes=15)


def test_repeated_upload_id_is_checked_once(shelf: Shelf) -> None:
    one, another = shelf.put(), shelf.put(b"")
    shelf.uploads.check("acme", references(one, another, one))
    assert len(shelf.objects.described) == 2


def test_each_missing_upload_is_reported_by_its_field(shelf: Shelf) -> None:
    others = shelf.put(tenant="other")
    problems = shelf.problems(shelf.put(), "made-up", shelf.expected().id, others)
    assert [problem.split(" names no upload")[0] for problem in problems] == ["/files/1", "/files/2", "/files/3"]
    # An upload of another tenant is indistinguishable from a missing one.
    assert len({problem.partition(" ")[2] for problem in problems}) == 1


def test_guessed_ids_never_reach_another_tenant(shelf: Shelf) -> None:
    random = Random(7)
    others = [shelf.put(tenant=tenant) for tenant in ("other", "acme2", "acm") for _ in range(50)]
    letters = string.ascii_letters + string.digits + "-_/.%#"
    for _ in range(10_000):
        text = list(random.choice(others))
        for _ in range(random.randrange(4)):
            text[random.randrange(len(text))] = random.choice(letters)
        guess = random.choice(["", "../other/", "other/", "/", "%2e%2e/other/"]) + "".join(text)
        assert len(shelf.problems(guess)) == 1
    assert len(shelf.objects.described) > 1000
    assert all(key.startswith("uploads/acme/") and key.count("/") == 2 for key in shelf.objects.described)


def test_upload_expires_after_24_hours(shelf: Shelf) -> None:
    upload_id = shelf.put()
    shelf.clock.advance(UPLOAD_LIFETIME.total_seconds() - 1)
    shelf.uploads.check("acme", references(upload_id))
    shelf.clock.advance(1)
    assert "names an upload that has expired" in shelf.problems(upload_id)[0]


def test_upload_that_differs_from_its_declaration_is_refused(shelf: Shelf) -> None:
    short, other = shelf.expected(), shelf.expected()
    shelf.objects.files[short.key("acme")] = (b"hell", "image/png")
    shelf.objects.files[other.key("acme")] = (b"hello", "text/html")
    assert shelf.problems(short.id, other.id) == [
        "/files/0 was uploaded with 4 bytes, but declared with 5",
        "/files/1 was uploaded as 'text/html', but declared as 'image/png'",
    ]


def test_number_of_uploads_in_an_input_is_bounded(shelf: Shelf) -> None:
    ids = [shelf.put(str(number).encode()) for number in range(MAX_UPLOADS + 1)]
    shelf.uploads.check("acme", references(*ids[:-1], *ids[:-1]))
    shelf.objects.described.clear()
    assert shelf.problems(*ids) == ["/files/16 is one upload too many: an input may have at most 16"]
    assert shelf.objects.described == []


def test_total_size_of_uploads_in_an_input_is_bounded(shelf: Shelf) -> None:
    ids = [shelf.expected(MAX_UPLOAD_BYTES).id for _ in range(3)]
    assert shelf.problems(*ids, shelf.expected(1).id) == [
        "/files/3 is too large: the uploads of an input may have at most 300 MiB together"
    ]
    assert "too large" not in shelf.problems(*ids)[0]


def test_unavailable_bucket_is_not_reported_as_invalid_input(shelf: Shelf) -> None:
    upload_id = shelf.put()
    shelf.objects.down = True
    with pytest.raises(ServiceUnavailable):
        shelf.uploads.check("acme", references(upload_id))


# --- For a run ---


def never() -> bool:
    return False


def test_each_upload_is_fetched_once_as_a_read_only_file(shelf: Shelf, tmp_path: Path) -> None:
    one, another = shelf.put(b"one"), shelf.put(b"another")
    shelf.uploads.fetch("acme", references(one, another, one), str(tmp_path), stop=never)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"upload-0": b"one", "upload-1": b"another"}
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o400}


def test_upload_that_expired_after_its_job_was_accepted_is_fetched(shelf: Shelf, tmp_path: Path) -> None:
    upload_id = shelf.put()
    shelf.clock.advance(UPLOAD_LIFETIME.total_seconds() + 60)
    shelf.uploads.fetch("acme", references(upload_id), str(tmp_path), stop=never)
    assert (tmp_path / "upload-0").read_bytes() == b"hello"


def test_deleted_upload_is_reported_in_each_of_its_fields(shelf: Shelf, tmp_path: Path) -> None:
    gone = shelf.put()
    shelf.objects.files.clear()
    with pytest.raises(InvalidInput) as caught:
        shelf.uploads.fetch("acme", references(gone, shelf.put(), gone), str(tmp_path), stop=never)
    assert [one["path"] for one in caught.value.details["errors"]] == ["/files/0", "/files/2"]


def test_replaced_upload_is_not_fetched(shelf: Shelf, tmp_path: Path) -> None:
    upload = shelf.expected()
    shelf.objects.files[upload.key("acme")] = (b"x" * 1000, "image/png")
    with pytest.raises(InvalidInput, match="1000 bytes"):
        shelf.uploads.fetch("acme", references(upload.id), str(tmp_path), stop=never)
    assert list(tmp_path.iterdir()) == []


def test_upload_of_another_tenant_is_not_fetched(shelf: Shelf, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="names no upload"):
        shelf.uploads.fetch("other", references(shelf.put()), str(tmp_path), stop=never)


def test_stop_ends_fetching(shelf: Shelf, tmp_path: Path) -> None:
    shelf.uploads.fetch("acme", references(shelf.put(), shelf.put()), str(tmp_path), stop=lambda: True)
    assert list(tmp_path.iterdir()) == []


def test_storage_failure_is_unavailable(shelf: Shelf, tmp_path: Path) -> None:
    with pytest.raises(ServiceUnavailable) as caught:
        shelf.uploads.fetch("acme", references(shelf.put()), str(tmp_path / "no such folder"), stop=never)
    assert caught.value.details == {"service": "temporary storage"}
