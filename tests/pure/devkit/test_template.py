"""The project's template, as the local stack reads it."""

import warnings
from pathlib import Path

import pytest

from interlock_dev.project.errors import UsageError
from interlock_dev.project.template import AwsType, Template, short_name

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def own() -> Template:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return Template(ROOT / "template.yaml")


def test_every_folder_in_functions_is_a_function(own: Template) -> None:
    functions = own.functions()
    assert {short_name(name) for name in functions} == {
        handler.parent.name for handler in (ROOT / "functions").glob("*/handler.py")
    }
    assert functions["RunJobFunction"].task_root == ROOT / "functions" / "run_job"
    assert functions["RunJobFunction"].layers == (ROOT / "layers" / "runtime", ROOT / "layers" / "plugins")


def test_function_variables_name_its_resources(own: Template) -> None:
    (table,), (bucket,), (machine, deliveries, batches) = map(
        own.of_type, (AwsType.TABLE, AwsType.BUCKET, AwsType.STATE_MACHINE)
    )
    variables = own.functions()["ExecuteFunction"].variables
    assert variables["INTERLOCK_TABLE"] == table.name == "interlock-dev-StateTable"
    assert variables["INTERLOCK_BUCKET"] == bucket.name == "interlock-dev-bucket"
    assert variables["INTERLOCK_WORKFLOW_ARN"] == machine.arn
    assert machine.arn == "arn:aws:states:us-east-1:123456789012:stateMachine:interlock-dev-jobs"
    assert own.functions()["JobsFunction"].variables["INTERLOCK_DELIVERY_WORKFLOW_ARN"] == deliveries.arn
    assert own.functions()["BatchesFunction"].variables["INTERLOCK_BATCH_WORKFLOW_ARN"] == batches.arn


def test_workflow_invokes_functions_by_their_arn(own: Template) -> None:
    machine, *_ = own.of_type(AwsType.STATE_MACHINE)
    states = own.definition(machine)["States"]
    invoked = {state["Parameters"]["FunctionName"] for state in states.values() if state["Type"] == "Task"}
    assert invoked == {
        f"arn:aws:lambda:us-east-1:123456789012:function:{name}" for name in ("RunJobFunction", "SettleJobsFunction")
    }


def test_alias_of_the_authorizer_is_its_function(own: Template) -> None:
    authorizers = {route.authorizer_object.lambda_name for route in own.api().routes if route.authorizer_object}
    assert authorizers == {"AuthorizeFunction"}


def test_schedule_is_read_from_the_events_of_the_function(own: Template) -> None:
    (schedule,) = own.schedules()
    assert (schedule.function, schedule.expression) == ("SettleJobsFunction", "rate(1 minute)")


def test_parameter_overrides_its_default() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        template = Template(ROOT / "template.yaml", {"OidcIssuer": "http://127.0.0.1:9", "DefaultKeyRate": "5/s"})
    variables = template.functions()["AuthorizeFunction"].variables
    assert (variables["INTERLOCK_OIDC_ISSUER"], variables["INTERLOCK_DEFAULT_RATE"]) == ("http://127.0.0.1:9", "5/s")
    assert (variables["INTERLOCK_KEY_CACHE_S"], variables["INTERLOCK_DEFAULT_CONCURRENCY"]) == ("10", "0")
    assert template.functions()["ExecuteFunction"].variables["INTERLOCK_TABLE"] == "interlock-dev-StateTable"


def test_unknown_parameter_is_reported() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        with pytest.raises(UsageError, match="no parameter OidcIsuer"):
            Template(ROOT / "template.yaml", {"OidcIsuer": "x"})
