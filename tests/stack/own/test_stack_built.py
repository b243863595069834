"""`--built` serves the built functions, which cannot import anything else."""

import json
import shutil
from pathlib import Path

import pytest

from interlock_dev.stack.client import local_stack


@pytest.fixture
def built_project(probe_project: Path, tmp_path: Path) -> Path:
    """The probes as `sam build` writes them: a copy of the template and a folder for each function."""
    project = tmp_path / "project"
    shutil.copytree(probe_project, project, ignore=shutil.ignore_patterns(".interlock", "stack.log"))
    build = project / ".aws-sam" / "build"
    build.mkdir(parents=True)
    template = (project / "template.yaml").read_text()
    for source, target in {
        "functions/authorize/": "AuthorizeFunction",
        "functions/probe/": "ProbeFunction",
        "layers/extra/": "ExtraLayer",
    }.items():
        (project / source).rename(build / target)
        template = template.replace(source, target)
    # Real functions that run plugins have this variable.
    template = template.replace(
        "        Variables:\n", "        Variables:\n          INTERLOCK_PLUGIN_SETTINGS: none\n"
    )
    (build / "template.yaml").write_text(template.replace("workflow.asl.yaml", "../../workflow.asl.yaml"))
    index = build / "ExtraLayer" / "python" / "interlock_index"
    index.mkdir()
    (index / "index.json").write_text('{"plugins": []}')
    return project


def test_built_function_has_layers_and_settings_and_nothing_of_the_environment(
    built_project: Path,
) -> None:
    options = ("--built", "--setting", "weather.api_key=secret")
    with local_stack(built_project, built_project / "stack.log", *options) as (client, _):
        seen = client.call("POST", "/probe/environment", {}).body
    assert seen["found"] == ["extra_package", "awslambdaric"]
    assert not [path for path in seen["path"] if "site-packages" in path]
    assert seen["cwd"] == str(built_project / ".aws-sam" / "build" / "ProbeFunction")
    assert seen["variables"]["INTERLOCK_PLUGIN_INDEX"].endswith("ExtraLayer/python/interlock_index")
    assert json.loads(seen["variables"]["INTERLOCK_PLUGIN_SETTINGS"]) == {"weather": {"api_key": "secret"}}
