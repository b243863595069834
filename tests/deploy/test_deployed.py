"""The deployed stack has the resources of the template and serves the contract."""

import base64
import io
import re
from collections.abc import Callable

import pytest
import requests
from PIL import Image

from interlock.domain.access import Scope
from interlock_dev.commands.remote.deployed import alarms, describe_stack, output
from interlock_dev.stack.client import Answer, Client
from tests.deploy.conftest import STACK, Deployed
from tests.deploy.ministack import REGION, ROOT
from tests.stack.rest import counted_health

IMAGES = ROOT / "tests" / "images"
WORDS = {"determine", "markers", "coins", "background", "histogram"}
"""Some words on page.png."""


def image(name: str) -> str:
    return base64.b64encode((IMAGES / name).read_bytes()).decode()


def many_pages() -> str:
    """An image with many copies of the page, so that reading takes longer than cancelling."""
    page = Image.open(IMAGES / "page.png").convert("L")
    sheet = Image.new("L", (page.width * 6, page.height * 14), 255)
    for column in range(6):
        for row in range(14):
            sheet.paste(page, (column * page.width, row * page.height))
    out = io.BytesIO()
    sheet.save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


def refused(answer: Answer, status: int, code: str) -> None:
    assert (answer.status, answer.code) == (status, code), answer.body
    assert set(answer.body["error"]) == {
        *("type", "code", "message", "details", "plugin", "tool", "job_id", "retryable", "timestamp"),
    }


# --- Resources --------------------------------------------------------------------------------------------------------


def test_every_resource_was_created(deployed: Deployed) -> None:
    statuses = {one["ResourceStatus"] for one in deployed.resources.values()}
    assert statuses == {"CREATE_COMPLETE"}
    # The alarms notify the topic that the parameter names.
    alarms = deployed.aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert len(alarms) == sum(one["ResourceType"] == "AWS::CloudWatch::Alarm" for one in deployed.resources.values())
    assert all(len(alarm["AlarmActions"]) == 1 for alarm in alarms)


def test_command_reads_the_alarms_of_the_stack(deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in deployed.aws.environment.items():
        monkeypatch.setenv(name, value)
    declared = [one for one in deployed.resources.values() if one["ResourceType"] == "AWS::CloudWatch::Alarm"]
    found = alarms(STACK, REGION)
    assert {one["name"] for one in found} == {one["PhysicalResourceId"] for one in declared}
    assert describe_stack(STACK, REGION)["StackStatus"] == "CREATE_COMPLETE"
    assert output(STACK, "TableName", REGION) == deployed.outputs["TableName"]


def test_the_table_is_protected(deployed: Deployed) -> None:
    dynamodb, name = deployed.aws.client("dynamodb"), deployed.outputs["TableName"]
    with pytest.raises(dynamodb.exceptions.ClientError, match="protect"):
        dynamodb.delete_table(TableName=name)


def test_logs_have_a_retention_period(deployed: Deployed) -> None:
    groups = deployed.aws.client("logs").describe_log_groups()["logGroups"]
    kept = {one["logGroupName"]: one.get("retentionInDays") for one in groups}
    named = {
        one["PhysicalResourceId"] for one in deployed.resources.values() if one["ResourceType"] == "AWS::Logs::LogGroup"
    }
    assert {name: kept[name] for name in named} == dict.fromkeys(named, 30)


# --- The demo's calls ------------------------------------------------------------------------------------------------


def test_deployed_stack_is_healthy_without_a_key(deployed: Deployed) -> None:
    answer = requests.get(f"{deployed.api_url}/v1/health", timeout=60)
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")


def test_image_inspect_runs_synchronously(client: Client) -> None:
    answer = client.execute("image", "inspect", {"image": image("page.png")})
    assert answer.status == 200, answer.body
    assert (answer.body["result"]["width"], answer.body["result"]["height"]) == (384, 191)


def test_ocr_analyze_runs_synchronously(client: Client) -> None:
    """The large input goes through the bucket, and the layer's native libraries are used."""
    answer = client.execute("ocr", "analyze", {"image": image("page.png")})
    assert answer.status == 200, answer.body
    assert set(re.findall(r"\w+", answer.body["result"]["text"])) >= WORDS
    assert client.job(answer.body["job_id"])["status"] == "succeeded"


def test_job_can_be_submitted_polled_and_fetched(client: Client) -> None:
    """The job goes through the workflow to the task's function."""
    job_id = client.submit("ocr", "analyze", {"image": image("page.png")})
    job = client.until_final(job_id)
    assert (job["status"], job["attempt"]) == ("succeeded", 1), job
    result = client.call("GET", f"/v1/jobs/{job_id}/result")
    assert result.status == 200
    assert set(re.findall(r"\w+", result.body["result"]["text"])) >= WORDS
    events = client.call("GET", f"/v1/jobs/{job_id}/events?after=0").body["events"]
    assert [event["status"] for event in events if event["type"] == "state"] == ["pending", "running", "succeeded"]


def test_one_idempotency_key_creates_one_job(client: Client) -> None:
    body = {"plugin": "image", "tool": "inspect", "input": {"image": image("page.png")}}
    headers = {"Idempotency-Key": "once", "Prefer": "respond-async"}
    first, second = (client.call("POST", "/v1/execute", body, headers) for _ in range(2))
    assert first.status == 202, first.body
    assert second.body["job_id"] == first.body["job_id"]
    assert second.headers["Idempotency-Replayed"] == "true"
    refused(client.call("POST", "/v1/execute", {**body, "timeout_s": 3}, headers), 422, "idempotency_mismatch")
    assert client.until_final(first.body["job_id"])["status"] == "succeeded"


def test_message_of_a_webhook_is_attempted(client: Client) -> None:
    """The webhook's host cannot be resolved, so the attempt fails, and the next one is due in seconds."""
    webhook = {"url": "https://hooks.example.invalid/", "events": ["finished"]}
    job_id = client.submit("image", "inspect", {"image": image("page.png")}, webhook=webhook)
    job = client.until(job_id, lambda job: job["webhook"]["deliveries"][0]["attempts"] > 0, within_s=120)
    [delivery] = job["webhook"]["deliveries"]
    assert (delivery["state"], delivery["last_status"], delivery["last_error"]) == ("pending", None, "dns")
    secret = client.call("GET", "/v1/webhook-secret")
    assert (secret.status, secret.body["secret"][:6]) == (200, "whsec_")


def test_batch_is_accepted_and_shown(client: Client) -> None:
    """ministack ends the execution of the batch's workflow at once, so the batch remains as it was created."""
    webhook = {"url": "https://hooks.example.invalid/"}
    body = {"plugin": "image", "tool": "inspect", "items": [{"input": {}}], "webhook": webhook}
    answer = client.call("POST", "/v1/batches", body)
    assert (answer.status, answer.body["status"]) == (202, "preparing"), answer.body
    shown = client.call("GET", f"/v1/batches/{answer.body['batch_id']}").body
    assert (shown["counts"]["pending"], shown["webhook"]["deliveries"][0]["state"]) == (1, "pending")


def test_running_job_can_be_cancelled(client: Client) -> None:
    job_id = client.submit("ocr", "analyze", {"image": many_pages()})
    client.until(job_id, lambda job: job["status"] != "pending")
    answer = client.call("POST", f"/v1/jobs/{job_id}/cancel", {"reason": "changed my mind"})
    assert answer.status == 202, answer.body
    job = client.until_final(job_id, within_s=20)
    assert job["status"] == "cancelled", job
    assert job["cancel"]["outcome"] in {"stopped", "killed"}
    refused(client.call("GET", f"/v1/jobs/{job_id[:-1]}Z"), 404, "not_found")


def test_jobs_can_be_listed(client: Client) -> None:
    earlier = client.execute("image", "inspect", {"image": image("page.png")}).body["job_id"]
    latest = client.execute("image", "inspect", {"image": image("page.png")}).body["job_id"]
    for query in ("", "plugin=image", "plugin=image&tool=inspect"):
        for status in ("", "status=succeeded"):
            asked = f"/v1/jobs?{query}&{status}&limit=1".replace("&&", "&").replace("?&", "?")
            first = client.call("GET", asked)
            assert first.status == 200, first.body
            second = client.call("GET", f"{asked}&cursor={first.body['next_cursor']}")
            assert [job["job_id"] for job in first.body["jobs"] + second.body["jobs"]] == [latest, earlier], asked


def test_the_plugins_are_healthy(client: Client) -> None:
    listed = client.call("GET", "/v1/plugins")
    assert {one["name"] for one in listed.body["plugins"]} == {"block_mapper", "image", "motion", "ocr"}
    assert listed.body["unavailable"] == 0
    before = counted_health(client, "image")["success_count"]
    assert client.execute("image", "inspect", {"image": image("page.png")}).status == 200
    health = counted_health(client, "image")
    assert (health["state"], health["success_count"]) == ("INITIALIZED", before + 1)


# --- Refused requests ------------------------------------------------------------------------------------------------


def test_keys_and_scopes_are_enforced(deployed: Deployed) -> None:
    refused(deployed.client().call("GET", "/v1/jobs"), 401, "unauthorized")
    reader = deployed.client(Scope.JOBS_READ)
    assert reader.call("GET", "/v1/jobs").status == 200
    refused(reader.execute("image", "inspect", {"image": image("page.png")}), 403, "forbidden")


def test_the_gateway_itself_answers_with_the_envelope(deployed: Deployed, client: Client) -> None:
    without_key = requests.get(f"{deployed.api_url}/v1/jobs", timeout=60)
    refused(Answer(without_key.status_code, without_key.headers, without_key.json()), 401, "unauthorized")
    refused(client.call("GET", "/v1/nothing"), 404, "not_found")


def test_wrong_method_is_405_with_the_allowed_methods(client: Client) -> None:
    answer = client.call("PUT", "/v1/execute", {})
    assert (answer.status, answer.headers["Allow"]) == (405, "POST"), answer.body


def test_bad_input_leaves_no_job(client: Client) -> None:
    refused(client.execute("image", "inspect", {"image": 7}), 400, "invalid_input")
    refused(client.execute("nothing", None, {}), 400, "unknown_plugin")


# --- Roles -----------------------------------------------------------------------------------------------------------


def test_the_functions_run_under_their_roles(
    client: Client, deployed: Deployed, without_policies: Callable[[str], None]
) -> None:
    """The template's policies permit the calls of the other tests. Without these policies, calls are denied."""
    assert client.call("GET", "/v1/jobs").status == 200
    without_policies("JobsFunction")
    refused(client.call("GET", "/v1/jobs"), 503, "unavailable")


def test_no_log_holds_an_input_or_a_key(deployed: Deployed, client: Client) -> None:
    page = image("page.png")
    assert client.execute("image", "inspect", {"image": page}).status == 200
    logs = deployed.aws.client("logs")
    lines = [
        entry["message"]
        for group in logs.describe_log_groups()["logGroups"]
        for entry in logs.filter_log_events(logGroupName=group["logGroupName"])["events"]
    ]
    assert lines
    assert not [line for line in lines if page[:200] in line or client.api_key in line]
