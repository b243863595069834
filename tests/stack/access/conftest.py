"""One local stack for the tests of access, in its own folder, and keys that the command creates on it."""

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from typer.testing import CliRunner

from interlock.adapters.dynamo.keys import DynamoKeys
from interlock_dev.commands.cli import app
from interlock_dev.project.paths import Project
from interlock_dev.stack.client import Client, local_stack
from tests.service import openid_provider
from tests.service.openid_provider import AUDIENCE, OpenIdProvider, rsa_key
from tests.stack.conftest import PLUGINS
from tests.stack.stacks import link_project

type Keys = Callable[..., Any]
type ClientOf = Callable[..., Client]


@pytest.fixture(scope="session")
def access_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return link_project(tmp_path_factory.mktemp("access"))


def added(folder: Path, writable: Path) -> list[str]:
    """Return the options that add plugins. One of them tries to write into its own module."""
    copy = str(shutil.copy(PLUGINS / "remembering.py", folder))
    return ["--plugin", str(PLUGINS / "hostile.py"), "--plugin", copy, "--parameter", f"WritableFolders={writable}"]


@pytest.fixture(scope="session")
def pid_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the tools of that stack may write to."""
    return tmp_path_factory.mktemp("pids")


@pytest.fixture(scope="session")
def access_stack(access_project: Path, pid_folder: Path) -> Iterator[Client]:
    """A client with the developer's own key."""
    with local_stack(access_project, access_project / "stack.log", *added(access_project, pid_folder)) as (
        client,
        _,
    ):
        yield client


@pytest.fixture(scope="session")
def keys(access_project: Path, access_stack: Client) -> Keys:
    """Run `interlock keys …` on that stack, in this process, and return the JSON that it prints."""
    assert access_stack

    def run(*arguments: str) -> Any:
        with contextlib.chdir(access_project):
            done = CliRunner().invoke(app, ["keys", *arguments, "--json"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    return run


@pytest.fixture(scope="session")
def table_keys(access_project: Path, access_stack: Client) -> DynamoKeys:
    """The keys in that stack's table."""
    assert access_stack
    running = Project(access_project).running()
    assert running is not None
    key = running.access_key
    session = boto3.session.Session(key.id, key.secret, region_name="us-east-1")
    return DynamoKeys(session.client("dynamodb", endpoint_url=running.aws_endpoint_url), running.table)


@pytest.fixture(scope="session")
def client_of(access_stack: Client, keys: Keys) -> ClientOf:
    """A client with a new key."""

    def make(tenant: str, scopes: str = "admin", *arguments: str) -> Client:
        made = keys("create", "--tenant", tenant, "--scopes", scopes, *arguments)
        return Client(access_stack.url, made["key"])

    return make


@pytest.fixture(scope="session")
def provider() -> Iterator[OpenIdProvider]:
    with openid_provider.running() as provider:
        provider.publish("one", rsa_key())
        yield provider


@pytest.fixture(scope="session")
def token_stack(tmp_path_factory: pytest.TempPathFactory, provider: OpenIdProvider) -> Iterator[Client]:
    """A stack that also accepts the provider's tokens, with default limits."""
    project = link_project(tmp_path_factory.mktemp("tokens"))
    parameters = {"OidcIssuer": provider.issuer, "OidcAudience": AUDIENCE, "DefaultKeyRate": "30/m"}
    options = [word for name, value in parameters.items() for word in ("--parameter", f"{name}={value}")]
    with local_stack(project, project / "stack.log", *options) as (client, _):
        yield client
