"""Projects to start stacks in: folders of their own, so that each stack has its own `.interlock/dev.json`."""

import json
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tests.stack.stacks import ROOT, Running, link_project

from interlock_dev.stack.client import local_stack

PROBES = Path(__file__).parent / "project"


@pytest.fixture(scope="session")
def real_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository's own project."""
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
def real(real_project: Path) -> Iterator[Running]:
    """A stack of the repository's own project."""
    log = real_project / "stack.log"
    with local_stack(real_project, log) as (client, _):
        yield Running(real_project, client, log)


@pytest.fixture(scope="session")
def probes(probe_project: Path) -> Iterator[Running]:
    """A stack whose functions misbehave."""
    log = probe_project / "stack.log"
    with local_stack(probe_project, log) as (client, _):
        yield Running(probe_project, client, log)
