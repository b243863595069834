"""The service that a command calls."""

from pathlib import Path

import pytest

from interlock_client import (
    AuthenticationError,
    ConflictError,
    ConnectionFailed,
    ExecutionError,
    InterlockError,
    NotFoundError,
    PermissionDeniedError,
    PluginError,
    ServiceError,
    ThrottlingError,
    UnexpectedResponse,
    ValidationError,
)
from interlock_dev.commands.exits import CommandFailed, Exit
from interlock_dev.commands.options import Target
from interlock_dev.commands.remote.bundle import without_secrets
from interlock_dev.commands.remote.deploy import DeployOptions, plan
from interlock_dev.commands.remote.profiles import config_file, profile
from interlock_dev.commands.remote.target import Service, resolve, service_errors, status_of
from interlock_dev.project.errors import UsageError
from tests.documented import code_block

CONFIG = """
[profiles.prod]
url = "https://api.example/prod/"
key = "prod-key"

[profiles.both]
url = "https://api.example"
stack = "interlock"

[profiles.odd]
url = "https://api.example"
password = "x"
"""


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration file of mode 600, and a folder without a project."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    path = config_file()
    path.parent.mkdir()
    path.write_text(CONFIG)
    path.chmod(0o600)
    return path


def test_documented_profiles_are_valid(config: Path) -> None:
    config.write_text(code_block("docs/command.md", "toml", "[profiles.prod]"))
    assert profile("prod").url == "https://abc123.execute-api.eu-west-1.amazonaws.com/prod"
    assert (profile("test").stack, profile("test").region) == ("interlock-test", "eu-west-1")


def test_options_select_a_service() -> None:
    assert resolve(Target(url="http://h:1/prod/", key="k"), {}) == Service("http://h:1/prod", "k", "--url")


def test_environment_selects_a_service() -> None:
    environment = {"INTERLOCK_URL": "https://h", "INTERLOCK_API_KEY": "k"}
    assert resolve(Target(), environment) == Service("https://h", "k", "INTERLOCK_URL")
    assert resolve(Target(url="https://other"), environment).url == "https://other"


def test_profile_selects_a_service_with_its_key() -> None:
    assert resolve(Target(profile="prod"), {"INTERLOCK_API_KEY": "k"}) == Service(
        "https://api.example/prod", "prod-key", "profile prod"
    )
    assert resolve(Target(profile="prod", key="mine"), {}).key == "mine"


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        ("prd", "has no profile 'prd': did you mean 'prod'?"),
        ("both", "set either `url` or `stack`"),
        ("odd", "'password' must be one of url, stack, region, key"),
    ],
)
def test_wrong_profile_is_explained(profile: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        resolve(Target(profile=profile), {})
    assert message in str(raised.value)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_configuration_that_others_may_read_is_refused(config: Path, mode: int) -> None:
    config.chmod(mode)
    with pytest.raises(UsageError, match=rf"has mode {mode:o}: run `chmod 600 {config}`"):
        resolve(Target(profile="prod"), {})


@pytest.mark.parametrize("content", ["[profiles", None])
def test_unreadable_configuration_is_reported(config: Path, content: str | None) -> None:
    if content is None:
        config.unlink()
    else:
        config.write_text(content)
    with pytest.raises(UsageError, match=r"cannot be read|does not exist"):
        resolve(Target(profile="prod"), {})


def test_no_service_at_all_is_reported_as_unreachable() -> None:
    with pytest.raises(CommandFailed, match="start one with `interlock dev`") as raised:
        resolve(Target(), {})
    assert raised.value.status == Exit.UNREACHABLE


def test_two_services_at_once_are_refused() -> None:
    with pytest.raises(UsageError, match="--url and --profile both select a service"):
        resolve(Target(url="http://h", profile="prod"), {})


@pytest.mark.parametrize("url", ["h", "ftp://h", "http://", "127.0.0.1:3000"])
def test_invalid_url_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="is not the URL of a service"):
        resolve(Target(url=url), {})


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (PluginError, Exit.TOOL_FAILED),
        (ExecutionError, Exit.TOOL_FAILED),
        (ValidationError, Exit.USAGE),
        (ConnectionFailed, Exit.UNREACHABLE),
        (UnexpectedResponse, Exit.UNREACHABLE),
        (ServiceError, Exit.UNREACHABLE),
        (ThrottlingError, Exit.UNREACHABLE),
        (AuthenticationError, Exit.REFUSED),
        (PermissionDeniedError, Exit.REFUSED),
        (NotFoundError, Exit.REFUSED),
        (ConflictError, Exit.REFUSED),
    ],
)
def test_each_error_has_an_exit_status(error: type[InterlockError], status: Exit) -> None:
    with pytest.raises(CommandFailed) as raised, service_errors(Service("https://h", "k", "--url")):
        raise error("It went\nwrong\x1b[2J.")
    assert raised.value.status == status == status_of(error("x"))
    assert str(raised.value).isprintable()


@pytest.mark.parametrize(
    ("key", "message"),
    [(None, "needs an API key: set INTERLOCK_API_KEY"), ("k", "create a key with `interlock keys create`")],
)
def test_missing_key_is_distinguished_from_a_wrong_one(key: str | None, message: str) -> None:
    with pytest.raises(CommandFailed, match=message), service_errors(Service("https://h", key, "--url")):
        raise AuthenticationError("A valid API key is required.")


def test_secrets_are_removed_from_a_bundle() -> None:
    key = "interlock_" + "a" * 49
    text = f'"{key}" "AKIAABCDEFGHIJKLMNOP" "dev-key" https://b/?X-Amz-Signature=abc&x=1 whsec_YWJj'
    assert without_secrets(text, "dev-key") == (
        '"[removed]" "[removed]" "[removed]" https://b/?[removed]&x=1 [removed]'
    )


def test_deployment_is_planned_from_its_options(tmp_path: Path) -> None:
    options = DeployOptions("blue", "eu-west-1", "arm64", {"LogLevel": "DEBUG"}, yes=True, dry_run=False)
    build, deploy = plan(tmp_path, options, "blue", "eu-west-1")
    assert build == ["make", "build", "ARCHITECTURE=arm64"]
    assert Path(deploy[0]).name == "sam"
    assert deploy[1:] == [
        *("deploy", "--stack-name", "blue", "--region", "eu-west-1"),
        *("--parameter-overrides", "Architecture=arm64", "LogLevel=DEBUG", "--no-confirm-changeset"),
    ]
