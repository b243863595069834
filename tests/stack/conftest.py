"""The local stacks of the tests that call them over HTTP, and helpers for tests of hostile plugins."""

import contextlib
import json
import os
import secrets
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from interlock_dev.commands.cli import app
from interlock_dev.stack.client import Answer, Client, local_stack
from tests.documented import code_block
from tests.stack import invoking
from tests.stack.hand import PROGRAM, Hand
from tests.stack.invoking import Invoke
from tests.stack.rest import assert_counters_equal_jobs
from tests.stack.stacks import EDITED, ROOT, SECRET, Running, link_project

PROBES = Path(__file__).parent / "project"
PLUGINS = Path(__file__).parent / "plugins"
ADDED = (
    *("files.py", "hostile.py", "talkative.py", "unready", "slow_import.py"),
    *("import_raises_at_work.py", "import_raises.py", "import_exits.py", "import_dies.py", "import_segfaults.py"),
    "import_misses.py",
    *("specimen.py", "leaves_thread.py"),
    "errands.py",
    "../../../examples/deskew.py",  # the documentation's example of a long job
    "workshop.py",
)
ISOLATION = os.environ.get("HOSTILE_ISOLATION", "tenant")
"""The isolation of the adversaries' tools. With `run`, none of their processes serves two runs."""

WAIT_FACTOR = 0.0001
"""The factor that shortens the pauses between attempts of webhooks: 18 hours become 6.5 s."""

SLOW_SETUPS = {"setup_hangs": "echo", "setup_is_slow": "sleeps"}

type SlowSetup = Callable[[str], Answer]
type Keys = Callable[..., Any]


@pytest.fixture(scope="session")
def real_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository's project, for stacks that cannot become ready."""
    return link_project(tmp_path_factory.mktemp("real"))


@pytest.fixture(scope="session")
def probe_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project whose functions misbehave, with the real template's gateway responses."""
    from interlock_dev.project.template import Template

    project = tmp_path_factory.mktemp("probes") / "project"
    shutil.copytree(PROBES, project)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        responses = Template(ROOT / "template.yaml").api_properties()["GatewayResponses"]
    template = (project / "template.yaml").read_text()
    indented = yaml.safe_dump({"GatewayResponses": json.loads(json.dumps(responses))}, width=10_000)
    lines = "".join(f"      {line}\n" for line in indented.splitlines())
    (project / "template.yaml").write_text(template.replace("      Auth:\n", f"{lines}      Auth:\n"))
    return project


@pytest.fixture(scope="session")
def real(project: Path, client: Client) -> Running:
    """The stack of `client`, with its project."""
    return Running(project, client, project / "stack.log")


@pytest.fixture(scope="session")
def probes(probe_project: Path) -> Iterator[Running]:
    """A stack whose functions misbehave."""
    log = probe_project / "stack.log"
    with local_stack(probe_project, log) as (client, _):
        yield Running(probe_project, client, log)


@pytest.fixture(scope="session")
def invoke() -> Iterator[Invoke]:
    """Run `interlock invoke` with an event in a project's folder."""
    with invoking.running() as run:
        yield run


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository's project, with a `.interlock` of this process alone."""
    return link_project(tmp_path_factory.mktemp("project"))


def hostile_plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the adversaries with the isolation under test."""
    folder = tmp_path_factory.mktemp("hostile") / "adversaries"
    shutil.copytree(PLUGINS / "adversaries", folder, ignore=shutil.ignore_patterns("__pycache__"))
    module = folder / "adversary.py"
    module.write_text(module.read_text().replace('Isolation = "tenant"', f'Isolation = "{ISOLATION}"'))
    return folder


def writable_folder(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Return the option that lets tools write to the temporary directory of the tests."""
    return "--parameter", f"WritableFolders={tmp_path_factory.getbasetemp()}"


@pytest.fixture(scope="session")
def copies() -> Iterator[list[Path]]:
    """Copies of plugins in a folder to which no tool may write: of `remembering`, which tries to write to its module,
    and of `hostile` as `guests` for other tenants, so that all jobs of `hostile` belong to one tenant."""
    with tempfile.TemporaryDirectory(prefix="interlock-plugins-") as folder:
        guests = Path(folder, "guests.py")
        guests.write_text((PLUGINS / "hostile.py").read_text().replace('"hostile"', '"guests"'))
        yield [Path(shutil.copy(PLUGINS / "remembering.py", folder)), guests]


@pytest.fixture(scope="session")
def own_plugins(project: Path) -> list[Path]:
    """Plugins of the project's author: the README's, and those that tests change. One cannot be imported yet."""
    edited = project / EDITED
    shutil.copytree(PLUGINS / "edited", edited, ignore=shutil.ignore_patterns("__pycache__"))
    (edited / "fixed.py").write_text("import nothing_of_that_name\n")
    (project / "word_count.py").write_text(code_block("README.md", "python", "pydantic"))
    return [*(edited / name for name in ("weather.py", "fixed.py", "versioned")), project / "word_count.py"]


@pytest.fixture(scope="session")
def added(copies: list[Path], own_plugins: list[Path], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """All plugins that are added to those of the layer."""
    return [*(PLUGINS / name for name in ADDED), *copies, *own_plugins, hostile_plugins(tmp_path_factory)]


@pytest.fixture(scope="session")
def client(
    project: Path, mark: str, added: list[Path], tenants: set[str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Client]:
    """A client of a local stack with the added plugins. After all tests, its counters equal its jobs, and no process of
    a plugin is left."""
    options = [option for path in added for option in ("--plugin", str(path))]
    options += ["--setting", f"weather.api_key={SECRET}", "--setting", "weather.retries=5", "--log-level", "debug"]
    options += [*writable_folder(tmp_path_factory), "--allow-local-webhooks", "--wait-factor", str(WAIT_FACTOR)]
    watched = str(PROGRAM), str(project)
    with local_stack(project, project / "stack.log", *options, program=watched) as (client, _):
        yield client
        made = [run_keys(project, "create", "--tenant", tenant, "--scopes", "admin") for tenant in tenants]
        assert_counters_equal_jobs(client, *(Client(client.url, one["key"]) for one in made))
        assert running_as(mark) == set()


@pytest.fixture(scope="session")
def tenants() -> set[str]:
    """The tenants of the keys that the tests create on the stack of `client`."""
    return set()


def run_keys(project: Path, *arguments: str) -> Any:
    """Run `interlock keys …` in this process, and return the JSON that it prints."""
    with contextlib.chdir(project):
        done = CliRunner().invoke(app, ["keys", *arguments, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.fixture(scope="session")
def keys(project: Path, client: Client, tenants: set[str]) -> Keys:
    """Run `interlock keys …` on the stack of `client`."""
    assert client

    def run(*arguments: str) -> Any:
        if "--tenant" in arguments:
            tenants.add(arguments[arguments.index("--tenant") + 1])
        return run_keys(project, *arguments)

    return run


@pytest.fixture(scope="session")
def slow_setup(client: Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlowSetup]:
    """The responses of calls to plugins whose setup takes up to half a minute. The calls begin with the first use of
    this fixture."""
    with ThreadPoolExecutor(len(SLOW_SETUPS)) as pool:
        _have_environments(client, pool, tmp_path_factory.mktemp("environments"))
        answers = {plugin: pool.submit(client.execute, plugin, tool, {}) for plugin, tool in SLOW_SETUPS.items()}
        yield lambda plugin: answers[plugin].result()


def _have_environments(client: Client, pool: ThreadPoolExecutor, folder: Path) -> None:
    """Wait until as many environments are idle as there are slow setups, so that no call spends its time on starting
    one."""
    paths = [folder / plugin for plugin in SLOW_SETUPS]
    calls = [pool.submit(client.execute, "lingering", "until_told", {"path": str(path)}) for path in paths]
    while not all(path.exists() for path in paths):
        assert not any(call.done() for call in calls), [call.result().body for call in calls if call.done()]
        time.sleep(0.02)
    for path in paths:
        path.with_name(f"{path.name}.end").touch()
    assert [call.result().status for call in calls] == [200] * len(paths)


@pytest.fixture
def hand(client: Client, project: Path) -> Hand:
    """Control of the calls between the services of the stack of `client`."""
    return Hand(project, project)


@pytest.fixture(scope="session")
def mark() -> str:
    """The process name of all processes that the adversaries start in this session."""
    return f"il-{secrets.token_hex(6)}"


def running_as(mark: str) -> set[int]:
    """Return running processes that plugins have started, by name or command line."""
    return {int(folder.name) for folder in Path("/proc").glob("[0-9]*") if _runs_as(folder, mark.encode())}


def _runs_as(folder: Path, mark: bytes) -> bool:
    try:
        told = (folder / "stat").read_bytes(), (folder / "cmdline").read_bytes()
    except OSError:
        return False
    ended = told[0].rpartition(b")")[2].split()[0] == b"Z"
    return not ended and any(mark in one for one in told)


@pytest.fixture
def works(client: Client, mark: str) -> Callable[..., dict[str, Any]]:
    """Run a tool of an adversary that must succeed and leave no process. Assert that the next call of the plugin works,
    and return the result."""

    def call(plugin: str, tool: str, **input: str) -> dict[str, Any]:
        answer = client.execute(plugin, tool, {"mark": mark, **input})
        assert (answer.status, answer.body.get("status")) == (200, "succeeded"), answer.body
        assert running_as(mark) == set()
        # Damage to the process shows in the next run or, when it is noticed late, in the one after.
        _echoes(client, plugin)
        _echoes(client, plugin)
        result: dict[str, Any] = answer.body["result"]
        return result

    return call


@pytest.fixture
def fails(client: Client, mark: str) -> Callable[..., dict[str, Any]]:
    """Execute a tool that must fail with this code (400, and the same in its job); return the error."""

    def call(plugin: str, tool: str, code: str, **input: str) -> dict[str, Any]:
        answer = client.execute(plugin, tool, {"mark": mark, **input})
        assert (answer.status, answer.code) == (400, code), answer.body
        assert running_as(mark) == set()
        error: dict[str, Any] = answer.body["error"]
        assert (error["plugin"], error["tool"]) == (plugin, tool)
        job = client.job(error["job_id"])
        assert (job["status"], job["error"]) == ("timed_out" if code == "timeout" else "failed", error)
        _echoes(client, plugin)
        return error

    return call


def _echoes(client: Client, plugin: str) -> None:
    text = secrets.token_hex(4)
    answer = client.execute(plugin, "echo", {"way": text})
    assert (answer.status, answer.body.get("status")) == (200, "succeeded"), answer.body
    assert answer.body["result"]["text"] == text


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a page and no project, in which commands run."""
    (tmp_path / "page.png").symlink_to(ROOT / "tests" / "images" / "page.png")
    return tmp_path


@pytest.fixture
def environment(client: Client, folder: Path) -> dict[str, str]:
    """The environment of a user who has selected the stack."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}"
    return {"PATH": path, "HOME": str(folder), "INTERLOCK_URL": client.url, "INTERLOCK_API_KEY": client.api_key}
