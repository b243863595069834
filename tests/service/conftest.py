"""The storage suite runs in memory, on DynamoDB Local and on moto's DynamoDB. A sample leaves moto's
out, unless it has to replace DynamoDB Local because Java or npm is missing."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import botocore.session
import pytest
from botocore.loaders import create_loader
from ulid import ULID

from interlock.adapters.dynamo.jobs import DynamoJobs
from interlock.domain.job import Job
from interlock.plugins.building import build_index
from interlock.ports import JobStore
from tests.fakes.jobs import a_job
from tests.fakes.store import MemoryJobs
from tests.service import clients, dynamodb_local, moto_server
from tests.service.stream import CountedJobs, StreamConsumer
from tests.volume import volume

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# A failed check shows the values that it compared, as a failed test does.
pytest.register_assert_rewrite(
    *(f"tests.service.{name}" for name in ("account", "event_batch_checks", "event_checks", "permission_scenarios")),
    "tests.service.replay",
)

# Run all of its tests in one process, so that only one Java virtual machine is started.
_LOCAL = pytest.param("dynamodb-local", marks=pytest.mark.xdist_group("dynamodb-local"))
TABLES = ["moto"] if dynamodb_local.missing() else [*volume(sample=[], full=["moto"]), _LOCAL]
STORES = ["memory", *TABLES]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for fixture, backends in (("table", TABLES), ("storage", STORES)):
        if fixture in metafunc.fixturenames:
            metafunc.parametrize(fixture, backends, indirect=True)


@dataclass(frozen=True)
class Table:
    """A real table: a client of its service, its name, and the consumer of its stream."""

    client: "DynamoDBClient"
    name: str
    url: str
    consumer: StreamConsumer

    @property
    def store(self) -> DynamoJobs:
        """Return a new adapter, as each execution environment has one."""
        return CountedJobs(self.client, self.name, self.consumer)


@dataclass(frozen=True)
class Storage:
    """A store, and a factory of other stores with the same jobs, as other environments have them."""

    store: JobStore
    another: Callable[[], JobStore]


@pytest.fixture(scope="session", autouse=True)
def one_loader() -> Iterator[None]:
    """Let all sessions of botocore share one loader, so that each service's model is parsed once: moto discards the
    default session for each test."""
    with patch.object(botocore.session, "create_loader", cache(create_loader)):
        yield


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    with moto_server.running() as url:
        yield url


@pytest.fixture(scope="session")
def tables(moto_url: str) -> Iterator[Callable[[str], Table]]:
    """The template's table on the backend of this name, made when first asked for."""
    made: dict[str, Table] = {}
    with ExitStack() as stack:

        def of(backend: str) -> Table:
            if backend not in made:
                url = moto_url if backend == "moto" else stack.enter_context(dynamodb_local.running())
                client, name = clients.dynamodb(url), f"jobs-{os.getpid()}"
                clients.create_table(client, name)
                made[backend] = Table(client, name, url, StreamConsumer(client, clients.streams(url), name))
            return made[backend]

        yield of


@pytest.fixture(scope="session")
def plugin_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index of the shipped plugins."""
    folder = tmp_path_factory.mktemp("events") / "index"
    build_index(folder)
    return folder


@pytest.fixture
def table(request: pytest.FixtureRequest, tables: Callable[[str], Table]) -> Table:
    return tables(request.param)


@pytest.fixture
def storage(request: pytest.FixtureRequest, tables: Callable[[str], Table]) -> Storage:
    if request.param == "memory":
        memory = MemoryJobs()
        return Storage(memory, lambda: memory)
    found = tables(request.param)
    return Storage(found.store, lambda: found.store)


@pytest.fixture
def tenant() -> str:
    """A tenant of this test alone: the table is shared."""
    return f"t-{str(ULID()).lower()}"


@pytest.fixture
def plugin() -> str:
    """A plugin of this test alone, so that no other test changes its counters."""
    return f"p_{str(ULID()).lower()}"


@pytest.fixture
def job(tenant: str, plugin: str) -> Job:
    """A pending job, not written yet."""
    return a_job(tenant=tenant, plugin=plugin)
