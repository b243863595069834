"""The published versions of template.yaml's functions, and SnapStart."""

import re

import pytest
from samcli.lib.translate.sam_template_validator import SamTemplateValidator
from samcli.yamlhelper import yaml_parse

from tests.pure.repository.conftest import NoManagedPolicies
from tests.pure.repository.template import FUNCTIONS, RESOURCES, ROOT, TEMPLATE, Json, properties
from tests.pure.repository.test_template_resources import handler, references

BEHIND_THE_API = {"AuthorizeFunction", "ExecuteFunction", "JobsFunction"}
LONGEST_DESCRIPTION = 256
LONGEST_VALUES = {"DefaultKeyRate": len("999999/s")}
"""Lengths of the longest values of parameters whose pattern limits the length."""


def published(function: str) -> str:
    """Return the description of a function's versions."""
    text: str = RESOURCES[function]["Properties"]["VersionDescription"]["Fn::Sub"]
    return text


def test_functions_behind_the_api_have_an_alias_and_are_called_by_it(translated: Json) -> None:
    assert {name for name in FUNCTIONS if properties(name).get("AutoPublishAlias") == "live"} == BEHIND_THE_API
    allowed = {
        one["Properties"]["FunctionName"]["Ref"]
        for one in translated.values()
        if one["Type"] == "AWS::Lambda::Permission" and one["Properties"]["Principal"] == "apigateway.amazonaws.com"
    }
    # The console has nothing to restore from a snapshot, keys are rarely changed and batches rarely submitted, so these
    # functions need no versions.
    without = {"BatchesFunction", "ConsoleFunction", "KeysFunction"}
    assert allowed == {f"{name}Aliaslive" for name in BEHIND_THE_API} | without


def test_snapstart_has_what_lambda_requires() -> None:
    snapped = {name for name in FUNCTIONS if "SnapStart" in properties(name)}
    assert snapped == BEHIND_THE_API
    for name in snapped:
        own = properties(name)
        assert own["SnapStart"] == {"ApplyOn": {"Fn::If": ["UseSnapStart", "PublishedVersions", "None"]}}
        assert own.get("EphemeralStorage", {"Size": 512})["Size"] in (512, {"Fn::If": ["UseSnapStart", 512, 1024]})
        assert "Restorable(" in handler(name)
    assert TEMPLATE["Parameters"]["SnapStart"]["Default"] == "off"
    rule = TEMPLATE["Rules"]["SnapStartIsNotProvisioned"]
    assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "SnapStart"}, "on"]}
    assert rule["Assertions"][0]["Assert"] == {"Fn::Equals": [{"Ref": "ProvisionedConcurrency"}, 0]}


@pytest.mark.parametrize("function", sorted(BEHIND_THE_API))
def test_changed_parameters_publish_a_version(function: str) -> None:
    """SAM derives the version's logical id from the properties as they are written, so a changed parameter does not
    change the id. A changed description replaces the version:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-version.html
    """
    own = properties(function)
    variables = {**TEMPLATE["Globals"]["Function"]["Environment"]["Variables"], **own["Environment"]["Variables"]}
    used = references({**own, "Environment": variables, "Policies": None, "Events": None}) & set(TEMPLATE["Parameters"])
    # Another architecture needs other layers, which publish a version themselves. Provisioned concurrency belongs to
    # the alias. All functions have the setting of `Tracing`.
    expected = (used - {"Architecture", "ProvisionedConcurrency"}) | {"SnapStart", "Tracing"}
    assert set(re.findall(r"\$\{(\w+)\}", published(function))) == expected


@pytest.mark.parametrize("function", sorted(BEHIND_THE_API))
def test_description_of_a_version_is_not_too_long(function: str) -> None:
    def longest(match: re.Match[str]) -> str:
        return "x" * (LONGEST_VALUES.get(match[1]) or longest_value(TEMPLATE["Parameters"][match[1]]))

    assert len(re.sub(r"\$\{(\w+)\}", longest, published(function))) <= LONGEST_DESCRIPTION


def longest_value(parameter: Json) -> int:
    """Return the length of a parameter's longest value."""
    if "AllowedValues" in parameter:
        return max(len(str(value)) for value in parameter["AllowedValues"])
    return int(parameter["MaxLength"]) if "MaxLength" in parameter else len(str(parameter["MaxValue"]))


def versions(template: Json) -> dict[str, Json]:
    validator = SamTemplateValidator(template, NoManagedPolicies(), region="us-east-1")
    found = yaml_parse(validator.get_translated_template_if_valid())["Resources"]
    return {name: one for name, one in found.items() if one["Type"] == "AWS::Lambda::Version"}


def test_changed_layer_publishes_versions_of_all_functions_behind_the_api(translated: Json) -> None:
    before = {name for name, one in translated.items() if one["Type"] == "AWS::Lambda::Version"}
    template = yaml_parse((ROOT / "template.yaml").read_text())
    template["Resources"]["RuntimeLayer"]["Properties"]["ContentUri"] = "s3://bucket/another"
    after = versions(template)
    assert len(before) == len(after) == len(BEHIND_THE_API)
    assert not before & set(after)
    # Otherwise every deployment would leave a version, which costs storage and, with SnapStart, money.
    assert {one["DeletionPolicy"] for one in after.values()} == {"Delete"}
