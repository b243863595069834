"""Create uploads, check them before a job is created, and fetch them for its run."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from msgspec import Struct

from interlock.domain.errors import InvalidInput, ServiceUnavailable
from interlock.domain.file_references import FileReference
from interlock.domain.problems import MAX_PROBLEMS, first_of, problem
from interlock.domain.upload_id import MAX_UPLOADED_BYTES, MAX_UPLOADS, MIB, NotAnUpload, Upload
from interlock.ports import Clock, ObjectStore, PutRequest, StoredObject

URL_LIFETIME = timedelta(minutes=15)
"""Time within which the PUT must begin. A URL is valid only as long as the function's credentials that signed it."""

_UNKNOWN = "names no upload that exists: create one with POST /v1/uploads, PUT the file, then use it within 24 h"
_EXPIRED = "names an upload that has expired: uploads can be used for 24 h. Upload the file again"


class NewUpload(Struct, frozen=True):
    """A created upload, and the request that writes it."""

    upload: Upload
    request: PutRequest
    expires_at: datetime


class Uploads:
    """The uploads of all tenants. An upload of another tenant is treated as if it did not exist."""

    def __init__(self, objects: ObjectStore, *, clock: Clock) -> None:
        self._objects = objects
        self._clock = clock

    def new(self, tenant: str, content_type: str, size_bytes: int) -> NewUpload:
        """Create an upload. Nothing is stored until its object is written."""
        now = self._clock()
        upload = Upload.new(content_type, size_bytes, now)
        lifetime_s = int(URL_LIFETIME.total_seconds())
        request = self._objects.upload_request(upload.key(tenant), content_type, size_bytes, expires_in_s=lifetime_s)
        return NewUpload(upload, request, now + URL_LIFETIME)

    def check(self, tenant: str, references: Sequence[FileReference]) -> None:
        """Check that all uploads exist and are within the limits. Raise `InvalidInput`, naming each field."""
        uploads = _uploads(references)
        now = self._clock()
        problems = list(_over_the_bounds(references, uploads))
        if not problems:
            wrong = {upload_id: self._problem(tenant, upload, now) for upload_id, upload in uploads.items()}
            problems = [(one, problem) for one in references if (problem := wrong[one.upload_id]) is not None]
        if problems:
            raise _invalid(problems)

    def _problem(self, tenant: str, upload: Upload | None, now: datetime) -> str | None:
        if upload is None:
            return _UNKNOWN
        if upload.expired(now):
            return _EXPIRED
        return _misfit(upload, self._objects.describe(upload.key(tenant)))

    def fetch(self, tenant: str, references: Sequence[FileReference], folder: str, *, stop: Callable[[], bool]) -> None:
        """Write the uploads into a folder, until `stop` returns true.

        Raise `InvalidInput` if an upload is gone. Its age does not count any more: the job was accepted.
        """
        uploads, files = _uploads(references), {one.upload_id: Path(folder, one.file) for one in references}
        over = list(_over_the_bounds(references, uploads))
        if over:
            raise _invalid(over)
        for upload_id, upload in uploads.items():
            if stop():
                return
            wrong = _UNKNOWN if upload is None else self._fetch_file(tenant, upload, files[upload_id], stop)
            if wrong is not None:
                raise _invalid([(one, wrong) for one in references if one.upload_id == upload_id])

    def _fetch_file(self, tenant: str, upload: Upload, path: Path, stop: Callable[[], bool]) -> str | None:
        """Fetch an upload into a file. Return the reason if the stored object differs from the upload."""
        try:
            problem = _misfit(upload, self._objects.fetch(upload.key(tenant), path, _declared(upload), stop))
            if problem is None:
                path.chmod(0o400)  # several fields may share the file
        except OSError as error:
            raise ServiceUnavailable("There is no room for the uploaded files.", service="temporary storage") from error
        return problem


def _uploads(references: Sequence[FileReference]) -> dict[str, Upload | None]:
    """Decode the ids, each once. The value of an invalid id is None."""
    found: dict[str, Upload | None] = {}
    for one in references:
        if one.upload_id not in found:
            try:
                found[one.upload_id] = Upload.of_id(one.upload_id)
            except NotAnUpload:
                found[one.upload_id] = None
    return found


def _over_the_bounds(
    references: Sequence[FileReference], uploads: dict[str, Upload | None]
) -> Iterator[tuple[FileReference, str]]:
    """Yield the first field that exceeds a limit, if there is one."""
    seen: set[str] = set()
    size_bytes = 0
    for one in references:
        if one.upload_id in seen:
            continue
        seen.add(one.upload_id)
        upload = uploads[one.upload_id]
        size_bytes += upload.size_bytes if upload else 0
        if len(seen) > MAX_UPLOADS:
            yield one, f"is one upload too many: an input may have at most {MAX_UPLOADS}"
            return
        if size_bytes > MAX_UPLOADED_BYTES:
            yield (
                one,
                f"is too large: the uploads of an input may have at most {MAX_UPLOADED_BYTES // MIB} MiB together",
            )
            return


def _declared(upload: Upload) -> StoredObject:
    return StoredObject(upload.size_bytes, upload.content_type)


def _misfit(upload: Upload, found: StoredObject | None) -> str | None:
    """Return how an object differs from its declaration. S3 enforces the declaration; other stores may not."""
    if found is None:
        return _UNKNOWN
    if found.size_bytes != upload.size_bytes:
        return f"was uploaded with {found.size_bytes} bytes, but declared with {upload.size_bytes}"
    if found.content_type != upload.content_type:
        return f"was uploaded as {found.content_type[:100]!r}, but declared as {upload.content_type!r}"
    return None


def _invalid(problems: Sequence[tuple[FileReference, str]]) -> InvalidInput:
    errors = [problem(one.location, message) for one, message in problems][:MAX_PROBLEMS]
    return InvalidInput(f"An uploaded file cannot be used: {first_of(errors)}.", errors=errors)
