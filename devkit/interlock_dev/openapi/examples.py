"""Example jobs, plugins and results, built by the functions that build them in the service."""

from copy import replace
from datetime import UTC, datetime, timedelta

from interlock.domain import job as jobs
from interlock.domain.access import ApiKey
from interlock.domain.errors import ErrorCode
from interlock.domain.events import EMPTY_LOG, dropped_event, log_event, progress_event, state_event
from interlock.domain.job import Job, Progress, StoredJson
from interlock.domain.job_status import JobStatus
from interlock.domain.json_text import as_text
from interlock.domain.lifecycle import LifecycleState
from interlock.domain.manifest import PluginManifest, PluginSource, ToolManifest
from interlock.domain.metrics import ExecutionMetrics
from interlock.domain.outcome import Outcome
from interlock.domain.rate import Rate
from interlock.domain.times import rfc3339
from interlock.domain.upload_id import Upload
from interlock.domain.webhook import Delivery, DeliveryError, DeliveryState, Webhook, WebhookEvent
from interlock.domain.webhook_secret import ReplacedSecret, SigningSecrets
from interlock.http import presenters
from interlock.jobs.uploads import URL_LIFETIME, NewUpload
from interlock.plugins.registry import ListedPlugin, PluginHealth
from interlock.ports import PutRequest

AT = datetime(2026, 11, 22, 10, 11, 12, 345000, tzinfo=UTC)
ID = "01KY4QJ3HS0123456789ABCDEF"
KEY_ID = "01KY4QG000ABCDEF0123456789"
WHY = "not needed any more"
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAGynq7wAAAABJRU5ErkJggg=="
RESULT = {"text": "Let us begin.", "words": [], "mean_confidence": 0.96, "language": "eng", "width": 9, "height": 5}
DOWNLOAD = {
    "download_url": f"https://interlock-bucket.s3.amazonaws.com/jobs/acme/{ID}/result-1.json",
    "size": 7340032,
    "expires_at": rfc3339(AT + timedelta(minutes=15)),
}
UPLOAD_BYTES = 31457280
_UPLOAD = Upload(AT, bytes(range(10)), UPLOAD_BYTES, "image/png")
UPLOAD = presenters.upload_document(
    NewUpload(
        _UPLOAD,
        PutRequest(
            f"https://interlock-bucket.s3.us-east-1.amazonaws.com/{_UPLOAD.key('acme')}?X-Amz-Signature=5f1c",
            {"Content-Length": str(UPLOAD_BYTES), "Content-Type": "image/png", "If-None-Match": "*"},
        ),
        AT + URL_LIFETIME,
    )
)


def _later(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


PENDING = Job(
    tenant="acme", job_id=ID, plugin="ocr", tool="analyze", plugin_version="1.0.0", timeout_s=20.0,
    status=JobStatus.PENDING, created_at=AT, updated_at=AT, expires_at=AT + timedelta(days=7),
    events=EMPTY_LOG.adding([state_event(JobStatus.PENDING, AT)]),
)  # fmt: skip
RERUN = replace(PENDING, job_id=ID[:-1] + "G", rerun_of=ID, deadline_at=_later(600))
RUNNING = jobs.after_heartbeat(
    jobs.claimed(PENDING, worker_id="", now=_later(0.2), lease_expires_at=_later(15)),
    now=_later(1.3),
    lease_expires_at=_later(16.3),
    progress=Progress(0.4, "page 2 of 5", _later(1.2)),
    news=[
        log_event("info", "stdout", "reading page 1", _later(0.3)),
        progress_event(0.4, "page 2 of 5", _later(1.2)),
    ],
)
CANCELLING = jobs.cancel_requested(RUNNING, reason=WHY, now=_later(2))
PREVENTED = jobs.cancel_requested(PENDING, reason=WHY, now=_later(0.1))


WEBHOOK = Webhook("https://example.com/hooks/interlock", (WebhookEvent.STARTED, WebhookEvent.FINISHED))
DELIVERIES = (
    Delivery(WebhookEvent.STARTED, 0, DeliveryState.DELIVERED, 1, 204),
    Delivery(WebhookEvent.FINISHED, 0, DeliveryState.PENDING, 2, 503, DeliveryError.STATUS, _later(70)),
)
_OLD_SECRET = ReplacedSecret("whsec_c2VjcmV0IG9mIHllc3RlcmRheSwgbm90IGluIHVzZQ==", _later(86400))
SIGNING = SigningSecrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwQjJ5cmV0IQ==", AT, (_OLD_SECRET,))


def _ended(outcome: Outcome) -> Job:
    return jobs.ended(RUNNING, replace(outcome, execution_time_ms=1741.2), result=None, progress=None, now=_later(2))


SUCCEEDED = _ended(Outcome.succeeded(RESULT))
ANNOUNCED = replace(SUCCEEDED, webhook=WEBHOOK, result=StoredJson(len(as_text(RESULT)), text=as_text(RESULT)))
FAILED = _ended(Outcome.failed(ErrorCode.PLUGIN_EXCEPTION, "no text found", exception="ValueError"))
TALKATIVE = replace(
    PENDING,
    events=replace(EMPTY_LOG, last_seq=411).adding(
        [dropped_event(112, _later(0.9)), log_event("warning", "log", "page 2 is upside down", _later(0.9))]
    ),
)

_TOOL = ToolManifest(
    "analyze", "Analyze", "Reads the text in an image.", 20.0, 512,
    {"type": "object", "properties": {"image": {"type": "string"}}, "required": ["image"]},
    {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
)  # fmt: skip
OCR = PluginManifest("ocr", "1.0.0", "Character recognition", "Reads printed text.", PluginSource("", ""), (_TOOL,))
_BROKEN = PluginManifest("speech", "0", "speech", "", PluginSource("", ""), reason="needs torch: not installed")
_METRICS = ExecutionMetrics(
    succeeded=3, failed=1, executed=4, total_ms=180.4, last_ms=41.2, last_used=AT, buckets={106: 4}
)
GOOD = PluginHealth(OCR, LifecycleState.INITIALIZED, _METRICS, {"analyze": _METRICS})
BAD = PluginHealth(_BROKEN, LifecycleState.UNAVAILABLE, ExecutionMetrics(), {}, _BROKEN.reason)
PLUGINS = presenters.plugin_list([ListedPlugin(one.manifest.summary(), one.state, one.reason) for one in (GOOD, BAD)])[
    "plugins"
]
NO_PLUGIN = "There is no plugin 'orc'. There are: ocr, speech."

API_KEY = ApiKey(
    "", KEY_ID, "acme", frozenset({"execute", "jobs:read"}), name="the lab", hint="Cm1x", created_at=AT,
    created_by=KEY_ID[:-1] + "8", expires_at=AT + timedelta(days=90), rate=Rate(10, "s"), concurrency=4,
)  # fmt: skip
SECRET_KEY = "interlock_" + "A1b2C3d4E5" * 4 + "F6gH7jCm1x"[:9]
