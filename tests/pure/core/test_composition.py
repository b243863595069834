"""Settings, the composition root, and the metrics published to CloudWatch."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from interlock.adapters.cloudwatch_emf import EmbeddedMetrics
from interlock.adapters.dynamo.jobs import DynamoJobs
from interlock.adapters.dynamo.keys import DynamoKeys
from interlock.adapters.step_functions import StepFunctionsWorkflow
from interlock.composition.core import Core, Settings
from interlock.composition.sandbox import closed_ports
from interlock.domain.job_status import JobStatus
from interlock.domain.lifecycle import LifecycleState
from interlock.domain.metrics import ExecutionMetrics
from interlock.domain.times import utc_now
from interlock.http.presenters import health_document
from interlock.plugins.index import open_index
from interlock.plugins.registry import PluginHealth
from tests.fakes.plugins import a_plugin, an_index

ENVIRONMENT = {
    "INTERLOCK_TABLE": "jobs",
    "INTERLOCK_BUCKET": "documents",
    "INTERLOCK_WORKFLOW_ARN": "arn:aws:states:us-east-1:123456789012:stateMachine:jobs",
    "INTERLOCK_RETENTION_DAYS": "1.5",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials = {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"}
    for name, value in (ENVIRONMENT | credentials).items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("environment")
def test_settings_are_read_from_the_environment() -> None:
    assert Settings.from_env() == Settings(
        table="jobs",
        bucket="documents",
        workflow_arn="arn:aws:states:us-east-1:123456789012:stateMachine:jobs",
        retention=timedelta(hours=36),
    )


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("missing", list(ENVIRONMENT))
def test_missing_setting_is_named(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(missing)
    with pytest.raises(KeyError, match=missing):
        Settings.from_env()


@pytest.mark.usefixtures("environment")
def test_composition_uses_the_aws_adapters_and_creates_each_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    an_index(tmp_path / "index", a_plugin("echo"))
    monkeypatch.setenv("INTERLOCK_PLUGIN_INDEX", str(tmp_path / "index"))
    open_index.cache_clear()
    core = Core(Settings.from_env())
    assert isinstance(core.store, DynamoJobs)
    assert isinstance(core.workflow, StepFunctionsWorkflow)
    assert isinstance(core.keys, DynamoKeys)
    assert core.registry.names == ("echo",)
    for piece in ("store", "workflow", "keys", "limits", "secrets", "registry", "service", "documents"):
        assert getattr(core, piece) is getattr(core, piece)
    assert core.clock is utc_now
    open_index.cache_clear()


@pytest.mark.usefixtures("environment")
def test_longest_wait_is_read_by_functions_that_need_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INTERLOCK_MAX_WAIT_S", raising=False)
    with pytest.raises(KeyError, match="INTERLOCK_MAX_WAIT_S"):
        _ = Core(Settings.from_env()).max_wait_s
    monkeypatch.setenv("INTERLOCK_MAX_WAIT_S", "7")
    assert Core(Settings.from_env()).max_wait_s == 7


LOADED = LifecycleState.LOADED
OUTCOMES = {
    JobStatus.SUCCEEDED: "success_count",
    JobStatus.FAILED: "error_count",
    JobStatus.TIMED_OUT: "timed_out_count",
    JobStatus.CANCELLED: "cancelled_count",
}


@pytest.mark.parametrize(("status", "counter"), OUTCOMES.items())
def test_published_metrics_have_the_names_of_the_api_counters(
    capsys: pytest.CaptureFixture[str], status: JobStatus, counter: str
) -> None:
    EmbeddedMetrics().execution("ocr", "analyze", status, 41.25)
    published = json.loads(capsys.readouterr().out)
    assert {name: published[name] for name in OUTCOMES.values()} == {
        name: [1.0 if name == counter else 0.0] for name in OUTCOMES.values()
    }
    assert published["execution_time_ms"] == [41.25]
    [directive] = published["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "Interlock"
    units = {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]}
    assert units == {**dict.fromkeys(OUTCOMES.values(), "Count"), "execution_time_ms": "Milliseconds"}
    assert set(OUTCOMES.values()) <= set(health_document(PluginHealth(a_plugin(), LOADED, ExecutionMetrics(), {})))


def test_executions_are_published_by_plugin_and_by_tool(capsys: pytest.CaptureFixture[str]) -> None:
    EmbeddedMetrics().execution("ocr", "analyze", JobStatus.SUCCEEDED, 1.0)
    published = json.loads(capsys.readouterr().out)
    assert (published["plugin"], published["tool"]) == ("ocr", "analyze")
    [directive] = published["_aws"]["CloudWatchMetrics"]
    assert sorted(map(sorted, directive["Dimensions"])) == [["plugin", "service"], ["plugin", "service", "tool"]]


def test_executions_are_published_under_the_name_of_their_stack(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "blue")
    EmbeddedMetrics().execution("ocr", "analyze", JobStatus.SUCCEEDED, 1.0)
    published = json.loads(capsys.readouterr().out)
    assert published["service"] == "blue"
    [directive] = published["_aws"]["CloudWatchMetrics"]
    assert all("service" in dimensions for dimensions in directive["Dimensions"])


def test_waits_are_published_by_stack(capsys: pytest.CaptureFixture[str]) -> None:
    EmbeddedMetrics().wait(1500.5)
    published = json.loads(capsys.readouterr().out)
    assert published["queue_wait_ms"] == [1500.5]
    [directive] = published["_aws"]["CloudWatchMetrics"]
    assert directive["Dimensions"] == [["service"]]
    assert directive["Metrics"] == [{"Name": "queue_wait_ms", "Unit": "Milliseconds"}]


def test_metrics_of_two_executions_are_separate(capsys: pytest.CaptureFixture[str]) -> None:
    sink = EmbeddedMetrics()
    sink.execution("ocr", "analyze", JobStatus.SUCCEEDED, 1.0)
    sink.execution("image", "inspect", JobStatus.FAILED, 2.0)
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["plugin"], first["execution_time_ms"]) == ("ocr", [1.0])
    assert (second["plugin"], second["execution_time_ms"]) == ("image", [2.0])


@pytest.mark.parametrize(
    ("environ", "ports"),
    [
        ({}, []),
        ({"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001"}, [9001]),
        ({"AWS_LAMBDA_RUNTIME_API": "169.254.100.1:9001"}, [9001]),
        (
            {
                "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9001/credentials",
            },
            [9001],
        ),
        ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9002/credentials"}, [9002]),
        ({"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001", "AWS_ENDPOINT_URL": "http://localhost:4566"}, [9001, 4566]),
        ({"AWS_ENDPOINT_URL": "https://vpce-1.execute-api.us-east-1.vpce.amazonaws.com:443"}, []),
        ({"AWS_ENDPOINT_URL": "https://dynamodb.us-east-1.amazonaws.com"}, []),
    ],
)
def test_port_numbers_of_local_services_are_closed_to_tools(environ: dict[str, str], ports: list[int]) -> None:
    assert closed_ports(environ) == ports
