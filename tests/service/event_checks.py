"""The expected result of each event in events/."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from importlib.resources import files
from typing import Any

from interlock.domain.access import ApiKey, hash_key
from interlock.domain.job_status import JobStatus
from interlock.domain.webhook import Webhook
from tests.service import event_batch_checks
from tests.service.account import Account
from tests.service.replay import JOB_ID, ROOT, TENANT, Replay, event, http_body

type Json = dict[str, Any]

OPENAPI: Json = json.loads(files("interlock").joinpath("http", "openapi.json").read_text())

WEBHOOK = Webhook("https://hooks.example.invalid/interlock")
WORDS = {"determine", "markers", "coins", "background", "histogram"}
"""Some of the words on tests/images/page.png."""


def check_execute_ocr(account: Account, replay: Replay) -> None:
    body = http_body(replay("execute-ocr"), 200)
    assert (body["plugin"], body["tool"], body["status"]) == ("ocr", "analyze", "succeeded")
    assert set(re.findall(r"\w+", body["result"]["text"])) >= WORDS
    kept = account.core.store.get(TENANT, body["job_id"])
    assert kept is not None
    assert kept.status is JobStatus.SUCCEEDED


def check_execute_async(account: Account, replay: Replay) -> None:
    answer = replay("execute-async")
    body = http_body(answer, 202)
    assert answer["multiValueHeaders"]["Location"] == [f"/prod/v1/jobs/{body['job_id']}"]
    assert answer["multiValueHeaders"]["Preference-Applied"] == ["respond-async"]
    assert (body["status"], body["attempt"], body["timeout_s"]) == ("pending", 0, 20)
    assert account.executions(account.workflow_arn) == [body["job_id"]]
    again = replay("execute-async")
    assert http_body(again, 202)["job_id"] == body["job_id"]
    assert again["multiValueHeaders"]["Idempotency-Replayed"] == ["true"]


def check_mcp_tools(account: Account, replay: Replay) -> None:
    body = http_body(replay("mcp-tools"), 200)
    names = [tool["name"] for tool in body["result"]["tools"]]
    assert {"ocr-analyze", "image-thumbnail", "motion-compare"} <= set(names)
    assert names == sorted(names, key=lambda name: name.partition("-")[0])


def check_mcp_cancel(account: Account, replay: Replay) -> None:
    account.put_pending()
    assert http_body(replay("mcp-cancel"), 200)["result"]["resultType"] == "complete"
    kept = account.core.store.get(TENANT, JOB_ID)
    assert kept is not None
    assert kept.status is JobStatus.CANCELLED


def check_resource_metadata(account: Account, replay: Replay) -> None:
    assert http_body(replay("resource-metadata"), 404)["error"]["code"] == "not_found"


def check_upload_create(account: Account, replay: Replay) -> None:
    body = http_body(replay("upload-create"), 201)
    assert f"/uploads/{TENANT}/{body['upload_id']}?" in body["url"]
    assert body["headers"]["Content-Length"] == str((ROOT / "tests" / "images" / "page.png").stat().st_size)


def check_jobs_list(account: Account, replay: Replay) -> None:
    account.put_running()
    body = http_body(replay("jobs-list"), 200)
    assert (body["count"], body["next_cursor"]) == (1, None)
    assert [(job["job_id"], job["status"]) for job in body["jobs"]] == [(JOB_ID, "running")]


def check_job_get(account: Account, replay: Replay) -> None:
    account.put_running()
    body = http_body(replay("job-get"), 200)
    assert (body["job_id"], body["status"], body["attempt"], body["completed_at"]) == (JOB_ID, "running", 1, None)


def check_job_result(account: Account, replay: Replay) -> None:
    account.put_succeeded()
    body = http_body(replay("job-result"), 200)
    assert (body["status"], body["result"], body["error"]) == ("succeeded", {"text": "hello"}, None)
    assert body["execution_time_ms"] == 41.2


def check_job_events(account: Account, replay: Replay) -> None:
    account.put_succeeded()
    body = http_body(replay("job-events"), 200)
    assert [event["seq"] for event in body["events"]] == [3]
    assert (body["events"][0]["status"], body["next"]) == ("succeeded", 3)


def check_job_cancel(account: Account, replay: Replay) -> None:
    account.put_running()
    body = http_body(replay("job-cancel"), 202)
    assert body["status"] == "cancelling"
    assert (body["cancel"]["reason"], body["cancel"]["outcome"]) == ("not needed any more", None)
    assert account.job().status is JobStatus.CANCELLING


def check_job_rerun(account: Account, replay: Replay) -> None:
    account.put_pending(json.loads(event("execute-async")["body"])["input"])
    answer = replay("job-rerun")
    body = http_body(answer, 202)
    assert answer["multiValueHeaders"]["Location"] == [f"/prod/v1/jobs/{body['job_id']}"]
    assert (body["status"], body["rerun_of"], body["tool"]) == ("pending", JOB_ID, "analyze")
    assert body["deadline_at"] > body["created_at"]


def check_job_delete(account: Account, replay: Replay) -> None:
    account.put_pending()
    body = http_body(replay("job-delete"), 200)
    assert body["status"] == "cancelled"
    assert (body["cancel"]["reason"], body["cancel"]["outcome"]) == (None, "prevented")
    assert account.job().status is JobStatus.CANCELLED


def check_plugins_list(account: Account, replay: Replay) -> None:
    body = http_body(replay("plugins-list"), 200)
    assert [plugin["name"] for plugin in body["plugins"]] == ["block_mapper", "image", "motion", "ocr"]
    assert (body["total"], body["available"], body["failed"], body["unavailable"]) == (4, 4, 0, 0)


def check_plugin_get(account: Account, replay: Replay) -> None:
    body = http_body(replay("plugin-get"), 200)
    assert (body["name"], [tool["name"] for tool in body["tools"]]) == ("ocr", ["analyze"])
    assert "image" in body["tools"][0]["input_schema"]["required"]


def check_plugin_health(account: Account, replay: Replay) -> None:
    assert http_body(replay("plugin-health"), 200)["as_of"] is None
    account.count(event("count-jobs"))
    body = http_body(replay("plugin-health"), 200)
    assert (body["name"], body["state"], body["success_count"]) == ("ocr", "INITIALIZED", 1)
    assert body["as_of"] == body["last_used"]
    assert body["tools"]["analyze"]["success_count"] == 1


def check_health(account: Account, replay: Replay) -> None:
    assert http_body(replay("health"), 200)["status"] == "ok"


def check_openapi(account: Account, replay: Replay) -> None:
    assert http_body(replay("openapi"), 200) == OPENAPI


def check_authorize(account: Account, replay: Replay) -> None:
    denied = replay("authorize")
    assert denied["policyDocument"]["Statement"][0]["Effect"] == "Deny"
    account.core.keys.create(ApiKey(hash_key("dev-key"), "dev", TENANT, frozenset({"admin"})))
    allowed = replay("authorize")
    [statement] = allowed["policyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Allow", "execute-api:Invoke")
    assert statement["Resource"] == "arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/prod/*"
    # The gateway puts this context into the other events.
    given = event("job-get")["requestContext"]["authorizer"]
    assert {"principalId": allowed["principalId"], **allowed["context"]} == {
        name: value for name, value in given.items() if name != "integrationLatency"
    }


def check_webhook_redeliver(account: Account, replay: Replay) -> None:
    account.put_succeeded(webhook=WEBHOOK)
    body = http_body(replay("webhook-redeliver"), 202)
    [delivery] = body["webhook"]["deliveries"]
    assert (delivery["event"], delivery["state"], delivery["attempts"]) == ("finished", "pending", 0)
    assert account.executions(account.delivery_workflow_arn) == [f"{JOB_ID}-finished-1"]


def check_webhook_secret(account: Account, replay: Replay) -> None:
    body = http_body(replay("webhook-secret"), 200)
    assert (body["secret"][:6], body["previous_expires_at"]) == ("whsec_", None)
    assert http_body(replay("webhook-secret"), 200) == body


def check_webhook_secret_rotate(account: Account, replay: Replay) -> None:
    old, new = (http_body(replay(name), 200) for name in ("webhook-secret", "webhook-secret-rotate"))
    assert new["secret"] != old["secret"]
    assert new["previous_expires_at"] > new["created_at"]


def check_announce_jobs(account: Account, replay: Replay) -> None:
    for _ in range(2):  # Lambda may deliver a batch again
        assert replay("announce-jobs") == {"state": {}, "batchItemFailures": []}
    assert account.executions(account.delivery_workflow_arn) == [f"{JOB_ID}-finished"]


def check_send_webhook(account: Account, replay: Replay) -> None:
    """The webhook's host cannot be resolved in tests, so the attempt fails."""
    account.put_succeeded(webhook=WEBHOOK)
    sent = event("send-webhook")
    answer = replay("send-webhook")
    assert answer == {**sent, "attempt": 2, "over": False, "wait_s": answer["wait_s"]}
    [delivery] = account.core.deliveries.of(account.job())
    assert (delivery.state, delivery.attempts, delivery.last_error) == ("pending", 1, "dns")


def check_run_job(account: Account, replay: Replay) -> None:
    account.put_pending(json.loads(event("execute-async")["body"])["input"])
    assert replay("run-job") == {"job_id": JOB_ID, "status": "succeeded"}
    result = account.job().result
    assert result is not None
    assert set(re.findall(r"\w+", account.core.documents.read(result)["text"])) >= WORDS


def put_key(account: Account, key_id: str = "dev", **fields: Any) -> ApiKey:
    """Store a key of the tenant. The caller of the events has the key `dev`."""
    key = ApiKey(hash_key(key_id), key_id, TENANT, frozenset({"admin"}), **fields)
    account.core.keys.create(key)
    return key


def check_keys_list(account: Account, replay: Replay) -> None:
    put_key(account)
    body = http_body(replay("keys-list"), 200)
    assert [(one["key_id"], one["state"]) for one in body["keys"]] == [("dev", "active")]


def check_key_create(account: Account, replay: Replay) -> None:
    put_key(account)
    body = http_body(replay("key-create"), 201)
    stored = account.core.keys.get(hash_key(body["key"]))
    assert stored is not None
    assert (stored.tenant, stored.name, stored.created_by) == (TENANT, "the lab", "dev")


def check_key_revoke(account: Account, replay: Replay) -> None:
    key = put_key(account, event("key-revoke")["pathParameters"]["key_id"])
    assert http_body(replay("key-revoke"), 200)["state"] == "revoked"
    assert account.core.keys.get(key.key_hash) != key


def check_console(account: Account, replay: Replay) -> None:
    answer = replay("console")
    assert (answer["statusCode"], answer["headers"]["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert '<div id="app"></div>' in answer["body"]


def check_console_file(account: Account, replay: Replay) -> None:
    answer = replay("console-file")
    assert (answer["statusCode"], answer["headers"]["Content-Type"]) == (200, "text/javascript; charset=utf-8")
    # A cache must not keep a file under the address of another version.
    assert answer["headers"]["Cache-Control"] == "no-cache"


def check_settle_job(account: Account, replay: Replay) -> None:
    account.put_running(lease=timedelta(seconds=-1))
    assert replay("settle-job") == {"job_id": JOB_ID, "status": "failed"}
    error = account.job().error
    assert error is not None
    assert error.code == "worker_lost"


def check_settle_schedule(account: Account, replay: Replay) -> None:
    account.put_running(lease=timedelta(seconds=-10))
    assert replay("settle-schedule") == {"settled": 1, "batches": 0}
    assert account.job().status is JobStatus.FAILED
    assert replay("settle-schedule") == {"settled": 0, "batches": 0}


def check_count_jobs(account: Account, replay: Replay) -> None:
    for _ in range(2):  # Lambda may deliver a batch again
        assert replay("count-jobs") == {"state": {}, "batchItemFailures": []}
    metrics = account.core.store.metrics("ocr")["analyze"]
    assert (metrics.succeeded, metrics.in_flight, metrics.last_ms) == (1, 0, 41.2)


CHECKS: Mapping[str, Callable[[Account, Replay], None]] = {
    name.removeprefix("check_").replace("_", "-"): check
    for name, check in {**globals(), **vars(event_batch_checks)}.items()
    if name.startswith("check_")
}
