"""Settings of plugins, read from Secrets Manager and the Parameter Store as moto serves them."""

import json
from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from interlock.adapters import aws
from interlock.adapters.plugin_settings import PluginSettings
from interlock.domain.errors import PluginUnavailable

REGION = "eu-west-1"
STORED = json.dumps({"weather": {"api_key": "s3cr3t"}})


@pytest.fixture(autouse=True)
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Serve AWS in this process, for clients that are created meanwhile."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    aws.session.cache_clear()
    with mock_aws():
        yield
    aws.session.cache_clear()


def test_secret_is_read() -> None:
    boto3.client("secretsmanager").create_secret(Name="stack/plugins", SecretString=STORED)
    assert PluginSettings("secretsmanager", "stack").of("weather") == {"api_key": "s3cr3t"}


def test_encrypted_parameter_is_read() -> None:
    boto3.client("ssm").put_parameter(Name="/stack/plugins", Value=STORED, Type="SecureString")
    assert PluginSettings("ssm", "stack").of("weather") == {"api_key": "s3cr3t"}


@pytest.mark.parametrize(
    ("source", "code"), [("secretsmanager", "ResourceNotFoundException"), ("ssm", "ParameterNotFound")]
)
def test_missing_secret_is_named_in_the_reason(source: str, code: str) -> None:
    with pytest.raises(PluginUnavailable) as caught:
        PluginSettings(source, "stack").of("weather")
    assert caught.value.details["reason"] == f"its settings cannot be read ({code})"
