"""Keys that the command creates on the local stack, and a stack that accepts tokens."""

from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest

from interlock.adapters.dynamo.keys import DynamoKeys
from interlock_dev.project.paths import Project
from interlock_dev.stack.client import Client, local_stack
from tests.service import openid_provider
from tests.service.openid_provider import AUDIENCE, OpenIdProvider, rsa_key
from tests.stack.conftest import PLUGINS, Keys
from tests.stack.stacks import link_project

type ClientOf = Callable[..., Client]


@pytest.fixture(scope="session")
def table_keys(project: Path, client: Client) -> DynamoKeys:
    """The keys in the stack's table."""
    assert client
    running = Project(project).running()
    assert running is not None
    key = running.access_key
    session = boto3.session.Session(key.id, key.secret, region_name="us-east-1")
    return DynamoKeys(session.client("dynamodb", endpoint_url=running.aws_endpoint_url), running.table)


@pytest.fixture(scope="session")
def client_of(client: Client, keys: Keys) -> ClientOf:
    """A client with a new key."""

    def make(tenant: str, scopes: str = "admin", *arguments: str) -> Client:
        made = keys("create", "--tenant", tenant, "--scopes", scopes, *arguments)
        return Client(client.url, made["key"])

    return make


@pytest.fixture(scope="session")
def provider() -> Iterator[OpenIdProvider]:
    with openid_provider.running() as provider:
        provider.publish("one", rsa_key())
        yield provider


@pytest.fixture(scope="session")
def token_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return link_project(tmp_path_factory.mktemp("tokens"))


@pytest.fixture(scope="session")
def token_stack(token_project: Path, provider: OpenIdProvider) -> Iterator[Client]:
    """A stack that also accepts the provider's tokens, with default limits."""
    parameters = {"OidcIssuer": provider.issuer, "OidcAudience": AUDIENCE, "DefaultKeyRate": "30/m"}
    options = [word for name, value in parameters.items() for word in ("--parameter", f"{name}={value}")]
    options += ["--plugin", str(PLUGINS / "errands.py")]
    with local_stack(token_project, token_project / "stack.log", *options) as (client, _):
        yield client
