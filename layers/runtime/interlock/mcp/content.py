"""The result of a run as an MCP result: structured, as text, and its files as images, sound or resources."""

import base64
from collections.abc import Mapping
from typing import Any

from mcp_types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
)

from interlock.domain.file_references import Location, file_texts
from interlock.domain.job import Job
from interlock.domain.json_text import as_unicode_text
from interlock.domain.problems import json_pointer
from interlock.http.documents import Download

_SIGNATURES: tuple[tuple[bytes, int, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", 0, "image/png"),
    (b"\xff\xd8\xff", 0, "image/jpeg"),
    (b"GIF8", 0, "image/gif"),
    (b"WEBP", 8, "image/webp"),
    (b"WAVE", 8, "audio/wav"),
    (b"ID3", 0, "audio/mpeg"),
    (b"\xff\xfb", 0, "audio/mpeg"),
    (b"OggS", 0, "audio/ogg"),
    (b"fLaC", 0, "audio/flac"),
    (b"%PDF-", 0, "application/pdf"),
)
"""Bytes by which files of common types are recognized, with their offsets."""


def success(job: Job, result: Any, schema: Mapping[str, Any]) -> CallToolResult:
    """Return the result of a job that succeeded. Each file in it becomes a content block and is left out of the text,
    where a model could not read it."""
    files = file_texts(schema, result)
    blocks = [_file_block(job, location, text) for location, text in files.items()]
    told = result
    for location, text in files.items():
        told = _replaced(told, location, f"({media_type(text)}, {len(text) * 3 // 4:,} bytes)")
    text = told if isinstance(told, str) else as_unicode_text(told)
    said = [TextContent(text=text)] if () not in files else []
    return CallToolResult(content=[*said, *blocks], structured_content=result)


def failure(error: Mapping[str, Any]) -> CallToolResult:
    """Return the result of a tool that failed, with the error envelope."""
    envelope = {"error": error}
    return CallToolResult(
        content=[TextContent(text=as_unicode_text(envelope))], structured_content=envelope, is_error=True
    )


def too_large(job: Job, download: Download) -> CallToolResult:
    """Return the result of a job whose result does not fit into a response: an error, because other results must have
    structured content that fits the tool's schema."""
    text = (
        f"The tool succeeded, but its result of {download['size']:,} bytes is too large for a response. Download it "
        f"before {download['expires_at']}, with no key, or read it again as job {job.job_id}."
    )
    url = download["download_url"]
    link = ResourceLink(uri=url, name=f"{job.job_id}.json", mime_type="application/json", size=download["size"])
    return CallToolResult(content=[TextContent(text=text), link], is_error=True)


def media_type(text: str) -> str:
    """Return the media type of a file in base64 by its first bytes."""
    head = base64.b64decode(text[:24])
    found = (kind for magic, at, kind in _SIGNATURES if head[at : at + len(magic)] == magic)
    return next(found, "application/octet-stream")


def _file_block(job: Job, location: Location, text: str) -> ContentBlock:
    kind = media_type(text)
    if kind.startswith("image/"):
        return ImageContent(data=text, mime_type=kind)
    if kind.startswith("audio/"):
        return AudioContent(data=text, mime_type=kind)
    uri = f"interlock://jobs/{job.job_id}/result#{json_pointer(location)}"
    return EmbeddedResource(resource=BlobResourceContents(uri=uri, blob=text, mime_type=kind))


def _replaced(value: Any, location: Location, text: str) -> Any:
    """Return a copy of a value with text at a location."""
    if not location:
        return text
    copy, (first, *rest) = value.copy(), location
    copy[first] = _replaced(value[first], tuple(rest), text)
    return copy
