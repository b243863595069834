"""The dashboard, the saved queries and the optional parts of template.yaml for operators."""

import json
import re
from typing import Any

import pytest

from bench.scale import prices
from bench.scale.costs import DELIVERY_TRANSITIONS, TRANSITIONS
from interlock.adapters import cloudwatch_emf
from interlock.domain.metrics import COUNTERS
from tests.pure.repository.template import FUNCTIONS, RESOURCES, TEMPLATE, Json, properties

PUBLISHED = {*COUNTERS.values(), "execution_time_ms", cloudwatch_emf.QUEUE_WAIT}
ENDS_OF_DELIVERIES = {cloudwatch_emf.DELIVERED, cloudwatch_emf.GIVEN_UP}
QUERIES = [name for name, one in RESOURCES.items() if one["Type"] == "AWS::Logs::QueryDefinition"]
ALARMS = [name for name, one in RESOURCES.items() if one["Type"] == "AWS::CloudWatch::Alarm"]

BODY: str = properties("Dashboard")["DashboardBody"]["Fn::Sub"]
WIDGETS: list[Json] = json.loads(BODY)["widgets"]


def expressions() -> list[str]:
    found = []
    for widget in WIDGETS:
        for metric in widget["properties"].get("metrics", []):
            found += [one["expression"] for one in metric if isinstance(one, dict) and "expression" in one]
    return found


def cost_of(label: str) -> str:
    [formula] = [
        one["expression"]
        for widget in WIDGETS
        for metric in widget["properties"].get("metrics", [])
        for one in metric
        if isinstance(one, dict) and one.get("label") == label and one.get("id", "").startswith("c")
    ]
    return str(formula)


def test_dashboard_refers_to_resources_of_the_template() -> None:
    named = {name.partition(".")[0] for name in re.findall(r"\$\{([\w.]+)\}", BODY)}
    assert named <= {*RESOURCES}


def test_dashboard_shows_each_metric_that_runs_publish() -> None:
    text = " ".join([*expressions(), BODY])
    shown = PUBLISHED | ENDS_OF_DELIVERIES
    assert {name for name in shown if name in text} == shown


def test_dashboard_shows_every_alarm_that_always_exists() -> None:
    [alarms] = [widget["properties"]["alarms"] for widget in WIDGETS if widget["type"] == "alarm"]
    assert sorted(alarms) == sorted(f"${{{name}.Arn}}" for name in ALARMS if "Condition" not in RESOURCES[name])


def test_widgets_do_not_overlap() -> None:
    places = [
        (x, y)
        for one in WIDGETS
        for x in range(one["x"], one["x"] + one["width"])
        for y in range(one["y"], one["y"] + one["height"])
    ]
    assert len(places) == len(set(places))
    assert max(x for x, _ in places) < 24


def test_cost_estimate_uses_the_list_prices_of_the_scale_page() -> None:
    def per_million(price: prices.Price) -> str:
        assert price.per == 1e6
        return f"* {price.usd:g} / 1000000"

    assert per_million(prices.GATEWAY) in cost_of("gateway")
    assert per_million(prices.TRANSITION) in cost_of("workflow")
    assert TRANSITIONS == 1
    assert f"deliveries * {DELIVERY_TRANSITIONS} {per_million(prices.TRANSITION)}" in cost_of("webhooks")
    assert per_million(prices.WRITE) in cost_of("table")
    assert per_million(prices.READ_UNIT) in cost_of("table")
    assert cost_of("functions").endswith(f"* {prices.COMPUTE.usd:.10f}")


def test_cost_estimate_uses_the_memory_of_the_functions() -> None:
    default = TEMPLATE["Globals"]["Function"]["MemorySize"]
    shown = {"execute": "ExecuteFunction", "run": "RunJobFunction", "jobs": "JobsFunction"}
    shown["authorize"] = "AuthorizeFunction"
    memory = {name: properties(function).get("MemorySize", default) for name, function in shown.items()}
    assert dict(re.findall(r"([a-z]+) \* (\d+)", cost_of("functions"))) == {
        name: str(mb) for name, mb in memory.items()
    }


@pytest.mark.parametrize("query", QUERIES)
def test_query_reads_log_groups_of_the_stack_and_has_its_name(query: str) -> None:
    own = properties(query)
    groups = [one["Ref"] for one in own["LogGroupNames"]]
    assert {RESOURCES[group]["Type"] for group in groups} == {"AWS::Logs::LogGroup"}
    assert own["Name"]["Fn::Sub"].startswith("${AWS::StackName}/")


def test_query_of_requests_uses_fields_of_the_access_log() -> None:
    logged = set(json.loads(properties("Api")["AccessLogSetting"]["Format"]))
    assert {"status", "latency_ms", "tenant", "key_id", "route"} <= logged
    used = set(re.findall(r"\b(status|latency_ms|tenant|key_id|route)\b", properties("RequestsQuery")["QueryString"]))
    assert used <= logged


def test_query_of_runs_uses_fields_that_runs_publish() -> None:
    used = set(re.findall(r"(\w+)\.0\b", properties("RunsQuery")["QueryString"]))
    assert used <= PUBLISHED


def test_tracing_is_off_by_default_and_applies_to_all_parts() -> None:
    assert TEMPLATE["Parameters"]["Tracing"]["Default"] == "Disabled"
    assert TEMPLATE["Globals"]["Function"]["Tracing"] == {"Ref": "Tracing"}
    assert not [name for name in FUNCTIONS if "Tracing" in RESOURCES[name]["Properties"]]
    assert properties("Api")["TracingEnabled"] == {"Fn::If": ["Trace", True, False]}
    assert properties("Workflow")["Tracing"] == {"Enabled": {"Fn::If": ["Trace", True, False]}}


def test_functions_get_no_permission_for_traces_by_default(translated: Json) -> None:
    policies = [
        policy
        for one in translated.values()
        if one["Type"] == "AWS::IAM::Role"
        for policy in one["Properties"].get("ManagedPolicyArns", [])
    ]
    conditional = [policy for policy in policies if isinstance(policy, dict) and "Fn::If" in policy]
    assert "xray" not in json.dumps([policy for policy in policies if policy not in conditional]).lower()
    assert [policy["Fn::If"][0] for policy in conditional] == ["Trace", "Trace", "Trace"]


@pytest.mark.parametrize(
    ("resource", "condition"),
    [
        ("Domain", "HasDomain"),
        ("DomainMapping", "HasDomain"),
        ("WebAclAssociation", "HasWebAcl"),
        ("PluginFailsAlarm", "HasMinSuccess"),
    ],
)
def test_optional_resource_needs_its_parameter(resource: str, condition: str) -> None:
    assert RESOURCES[resource]["Condition"] == condition
    [parameter] = _references(TEMPLATE["Conditions"][condition])
    assert TEMPLATE["Parameters"][parameter]["Default"] in ("", 0)


def _references(value: Any) -> set[str]:
    return set(re.findall(r"'Ref': '(\w+)'", repr(value)))


def test_alarm_of_plugins_watches_each_plugin_of_the_stack() -> None:
    [query] = properties("PluginFailsAlarm")["Metrics"]
    text = query["Expression"]["Fn::Sub"]
    assert "WHERE service = '${AWS::StackName}' GROUP BY plugin ORDER BY AVG() ASC" in text
    assert "AVG(success_count)" in text
