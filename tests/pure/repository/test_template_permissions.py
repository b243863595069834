"""The roles of template.yaml: what each function may do, and no more."""

import json
import re

import pytest

from tests.pure.repository.template import FUNCTIONS, TEMPLATE, Json, listed, properties


def statements(role: Json) -> list[Json]:
    return [
        statement
        for policy in role["Properties"].get("Policies", [])
        for statement in policy["PolicyDocument"]["Statement"]
    ]


LOG_DELIVERY = {
    *("logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery"),
    *("logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups"),
}
"""Actions that a state machine with a log needs on `*`, since they do not support named resources.

https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html#cloudwatch-iam-policy
"""


RUNS_PLUGINS = {"ExecuteFunction", "RunJobFunction"}

DENIED = {
    "Effect": "Deny",
    "Action": "ec2:*",
    "Resource": "*",
    "Condition": {"Null": {"lambda:SourceFunctionArn": "false"}},
}
"""Denies network interfaces to a function's own code; Lambda itself creates them with the role of the function.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html, under Security best practices.
"""


def test_functions_that_run_plugins_can_be_in_a_vpc(translated: Json) -> None:
    placed = {name: one["Properties"].get("VpcConfig") for name, one in translated.items() if name in FUNCTIONS}
    for name, config in placed.items():
        if name not in RUNS_PLUGINS:
            assert config is None, name
            continue
        condition, network, otherwise = config["Fn::If"]
        assert (condition, otherwise) == ("HasVpc", {"Ref": "AWS::NoValue"})
        for parameter in ("SubnetIds", "SecurityGroupIds"):
            assert network[parameter] == {"Fn::Split": [",", {"Ref": parameter}]}
            assert TEMPLATE["Parameters"][parameter]["Default"] == ""


def test_only_lambda_itself_may_create_network_interfaces(translated: Json) -> None:
    for name in FUNCTIONS:
        role = translated[translated[name]["Properties"]["Role"]["Fn::GetAtt"][0]]
        assert (DENIED in statements(role)) is (name in RUNS_PLUGINS), name


@pytest.mark.parametrize(
    ("parameter", "good", "bad"),
    [
        (
            "SubnetIds",
            ["", "subnet-0a1b2c3d", "subnet-0a1b2c3d,subnet-0123456789abcdef0"],
            ["subnet-1,", "vpc-0a1b2c3d"],
        ),
        ("SecurityGroupIds", ["", "sg-0a1b2c3d,sg-0123456789abcdef0"], ["sg-", "default", "sg-0a1b2c3d sg-0a1b2c3e"]),
    ],
)
def test_network_parameter_takes_ids(parameter: str, good: list[str], bad: list[str]) -> None:
    declared = TEMPLATE["Parameters"][parameter]
    pattern = re.compile(declared["AllowedPattern"])
    assert all(pattern.fullmatch(one) and len(one) <= declared["MaxLength"] for one in good)
    assert not [one for one in bad if pattern.fullmatch(one)]


def test_subnets_need_security_groups() -> None:
    rule = TEMPLATE["Rules"]["SubnetsHaveSecurityGroups"]
    assert rule["RuleCondition"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "SubnetIds"}, ""]}]}
    assert rule["Assertions"][0]["Assert"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "SecurityGroupIds"}, ""]}]}


def test_every_function_has_its_own_role(translated: Json) -> None:
    roles = {name: translated[name]["Properties"]["Role"]["Fn::GetAtt"][0] for name in FUNCTIONS}
    assert len(set(roles.values())) == len(FUNCTIONS)
    managed = "arn:aws:iam::aws:policy/service-role/AWSLambda{}ExecutionRole"
    for name, role in roles.items():
        network = [managed.format("VPCAccess")] if name in RUNS_PLUGINS else []
        assert translated[role]["Properties"]["ManagedPolicyArns"] == [managed.format("Basic"), *network]
    assert {name for name, role in roles.items() if not statements(translated[role])} == {"ConsoleFunction"}


def test_roles_have_no_wildcard_actions_or_resources(translated: Json) -> None:
    roles = [one for one in translated.values() if one["Type"] == "AWS::IAM::Role"]
    assert len(roles) == len(FUNCTIONS) + 4  # the roles of the workflows and of the gateway's log
    for statement in (statement for role in roles for statement in statements(role)):
        if statement == DENIED:
            continue
        assert statement["Effect"] == "Allow"
        assert not {"NotAction", "NotResource"} & set(statement)
        assert all(re.fullmatch(r"[a-z0-9]+:[A-Za-z]+", action) for action in listed(statement["Action"]))
        if set(listed(statement["Action"])) == LOG_DELIVERY:
            continue
        for resource in listed(statement["Resource"]):
            # Each resource belongs to this stack: it is a reference, or its name contains the stack's name.
            text = json.dumps(resource)
            assert "Ref" in text or "Fn::GetAtt" in text or re.search(r"\$\{(\w+\.Arn|AWS::StackName)", text), text


def test_functions_may_not_delete_scan_or_administer() -> None:
    text = json.dumps([properties(function).get("Policies", []) for function in FUNCTIONS])
    assert not re.findall(r"Delete\w*|Scan|CreateTable|UpdateTable|PutBucket\w*", text)


def test_functions_that_read_objects_may_list_the_bucket() -> None:
    """Without `s3:ListBucket` S3 returns 403 for a missing object, while the adapter expects NoSuchKey.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html, under Permissions.
    """
    for function in FUNCTIONS:
        given = [one for policy in properties(function).get("Policies", []) for one in policy["Statement"]]
        actions = {action for one in given for action in listed(one["Action"])}
        if "s3:GetObject" in actions:
            on = [one["Resource"] for one in given if "s3:ListBucket" in listed(one["Action"])]
            assert on == [{"Fn::GetAtt": ["Bucket", "Arn"]}], function


def granted(function: str, action: str) -> set[str]:
    """Return the resources on which a function may perform this action."""
    given = [one for policy in properties(function).get("Policies", []) for one in policy["Statement"]]
    named = [one["Resource"] for one in given if action in listed(one["Action"])]
    return {one if isinstance(one, str) else next(iter(one.values())) for each in named for one in listed(each)}


def test_only_functions_that_transfer_uploads_may_access_them() -> None:
    uploads = "${Bucket.Arn}/uploads/*"
    assert {name for name in FUNCTIONS if uploads in granted(name, "s3:PutObject")} == {"ExecuteFunction"}
    assert {name for name in FUNCTIONS if uploads in granted(name, "s3:GetObject")} == {
        "BatchesFunction",
        "ExecuteFunction",
        "PrepareBatchFunction",
        "RunJobFunction",
    }
