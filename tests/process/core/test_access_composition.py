"""The composition of the authorizer."""

import subprocess
import sys
from datetime import timedelta

import pytest

from interlock.adapters.oidc import OidcTokens
from interlock.composition.authorizer import AuthorizerSettings, _tokens, authorizer
from interlock.composition.core import Core
from interlock.domain.rate import Rate
from interlock.http.authorizer import KeyLimits, RememberedKeys
from tests.fakes.world import SETTINGS

ENVIRONMENT = {
    "INTERLOCK_KEY_CACHE_S": "10",
    "INTERLOCK_DEFAULT_RATE": "none",
    "INTERLOCK_DEFAULT_CONCURRENCY": "0",
    "INTERLOCK_OIDC_ISSUER": "",
    "INTERLOCK_OIDC_AUDIENCE": "",
    "INTERLOCK_OIDC_TENANT_CLAIM": "tenant",
    "INTERLOCK_OIDC_SCOPE_CLAIM": "scope",
}
PROVIDER = {"INTERLOCK_OIDC_ISSUER": "https://id.test", "INTERLOCK_OIDC_AUDIENCE": "interlock"}


def read(monkeypatch: pytest.MonkeyPatch, **changed: str) -> AuthorizerSettings:
    for name, value in (ENVIRONMENT | changed).items():
        monkeypatch.setenv(name, value)
    return AuthorizerSettings.from_env()


def test_by_default_there_are_no_limits_and_no_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch)
    assert (settings.limits, settings.key_cache) == (KeyLimits(None, None), timedelta(seconds=10))
    assert _tokens(settings) is None


def test_limits_are_those_of_the_template(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch, INTERLOCK_DEFAULT_RATE="10/s", INTERLOCK_DEFAULT_CONCURRENCY="4")
    assert settings.limits == KeyLimits(Rate(10, "s"), 4)


def test_tokens_are_accepted_once_an_issuer_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(_tokens(read(monkeypatch, **PROVIDER)), OidcTokens)


@pytest.mark.parametrize("missing", list(ENVIRONMENT))
def test_a_missing_setting_is_named(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read(monkeypatch)
    monkeypatch.delenv(missing)
    with pytest.raises(KeyError, match=missing):
        AuthorizerSettings.from_env()


def test_authorizer_caches_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "us-east-1")
    authorize = authorizer(Core(SETTINGS), read(monkeypatch))
    assert isinstance(authorize.keywords["keys"], RememberedKeys)  # type: ignore[attr-defined]
    denied = authorize({"methodArn": "arn:aws:execute-api:us-east-1:123456789012:api/prod/GET/v1/jobs", "headers": {}})
    assert denied["policyDocument"]["Statement"][0]["Effect"] == "Deny"


def test_stack_without_tokens_does_not_import_their_library() -> None:
    code = "import sys, interlock.composition.authorizer; print('jwt' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
