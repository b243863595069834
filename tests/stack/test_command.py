"""The `interlock` command drives a local stack."""

import json
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from zipfile import ZipFile

import boto3
import pytest
from moto import mock_aws

from interlock_dev.commands.cli import main
from interlock_dev.stack.client import Client
from tests.documented import code_block, code_blocks
from tests.stack.stacks import ROOT, Ended

pytestmark = pytest.mark.xdist_group("command")

IMAGE = ROOT / "tests" / "images" / "page.png"
SNIPPETS = code_blocks("docs/command.md", "sh")


type Command = Callable[..., Ended]


@pytest.fixture
def interlock(
    environment: dict[str, str], folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Command:
    """Run the command in this process, which saves the start of another, and return how it ended."""
    monkeypatch.chdir(folder)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str, **variables: str) -> Ended:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            status = main(arguments)
        return Ended(status, *capsys.readouterr())

    return run


@pytest.mark.parametrize("snippet", SNIPPETS, ids=range(len(SNIPPETS)))
def test_documented_commands_work(snippet: str, environment: dict[str, str], folder: Path, project: Path) -> None:
    (folder / "template.yaml").symlink_to(ROOT / "template.yaml")  # `deploy` needs a project
    (folder / ".interlock").symlink_to(project / ".interlock")  # the commands find the local stack here
    ended = subprocess.run(
        ["bash", "-euo", "pipefail"], input=snippet, cwd=folder, env=environment, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr


def test_file_of_a_result_is_saved(interlock: Command, folder: Path) -> None:
    ended = interlock("run", "image.thumbnail", "image=@page.png", "width=32", "-o", "thumbnails/")
    assert ended.status == 0, ended.err
    assert json.loads(ended.out)["image"] == "thumbnails/image.png"
    assert (folder / "thumbnails" / "image.png").read_bytes().startswith(b"\x89PNG")


def test_failed_tool_ends_with_status_1(interlock: Command) -> None:
    ended = interlock("run", "errands.fail")
    assert (ended.status, ended.out) == (1, "")
    assert "errands.fail failed (plugin_exception): there is none" in ended.err
    job = re.findall("job ([0-9A-Z]{26})", ended.err)[0]
    assert interlock("job", job, "--follow").status == 1
    assert interlock("result", job).status == 1


def test_log_lines_and_states_are_followed(interlock: Command) -> None:
    job = interlock("run", "talkative.says", "lines=one", "lines=two", "--detach").out.strip()
    followed = interlock("job", job, "-f")
    assert followed.status == 0
    lines = followed.out.splitlines()
    assert [line for line in lines if line in {"pending", "running", "one", "two", "succeeded"}] == [
        "pending", "running", "one", "two", "succeeded",
    ]  # fmt: skip
    # The logger and the standard streams are read separately, so the order is defined only within a stream.
    assert sorted(interlock("logs", job).out.splitlines()) == ["one", "to standard error", "to the log", "two"]
    events = [json.loads(line) for line in interlock("job", job, "-f", "--json").out.splitlines()]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (
            ("run", "image.inspct"),
            2,
            "image has no tool 'inspct': did you mean 'inspect'? (it has: inspect, thumbnail)",
        ),
        (("run", "imge"), 2, "there is no plugin 'imge': did you mean 'image'?"),
        (("run", "image.inspect", "colors=x"), 2, "colors must be integer, not 'x'; image is missing: add image=@FILE"),
        (("run", "image.inspect", "image=@page.png", "colors=99"), 2, "/colors "),
        (("run", "import_raises"), 1, "plugin import_raises is unavailable: "),
        (("job", "01J00000000000000000000000"), 4, "There is no job"),
        (("plugin", "orc"), 4, "there is no plugin 'orc': did you mean 'ocr'?"),
        (("jobs", "--key", "wrong"), 4, "create a key with `interlock keys create`"),
        (("jobs", "--url", "http://127.0.0.1:1"), 3, "http://127.0.0.1:1 (from --url) does not respond"),
        (("jobs", "--status", "finished"), 2, "'finished' is not a status"),
        (("jobs", "--since", "yesterday"), 2, "neither a time like"),
        (("jobs", "--stack", "x", "--profile", "y"), 2, "--stack and --profile both select a service"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_mistake_is_one_line_and_a_status(
    interlock: Command, arguments: tuple[str, ...], status: int, message: str
) -> None:
    ended = interlock(*arguments)
    assert (ended.status, ended.out) == (status, ""), ended.err
    [line] = ended.err.splitlines()
    assert line.startswith("interlock")
    assert message in line


def test_tables_and_json_describe_the_same(interlock: Command) -> None:
    plugins = json.loads(interlock("plugins", "--json").out)
    table = interlock("plugins").out
    assert len(table.splitlines()) == len(plugins) + 1
    assert all(plugin["name"] in table for plugin in plugins)
    assert "\x1b" not in table
    manifest = json.loads(interlock("plugin", "image", "--json").out)
    assert [tool["name"] for tool in manifest["tools"]] == ["inspect", "thumbnail"]
    assert "$ interlock run image.inspect image=@FILE" in interlock("plugin", "image").out
    status = json.loads(interlock("status", "--json").out)
    assert status["status"] == "ok"
    assert {plugin["name"] for plugin in status["plugins"]} == {plugin["name"] for plugin in plugins}


def test_watch_prints_each_change_without_a_terminal(
    environment: dict[str, str], folder: Path, interlock: Command
) -> None:
    job = interlock("run", "errands.echo", "text=x", "-d").out.strip()
    with subprocess.Popen(
        ["interlock", "jobs", "--watch", "--plugin", "errands", "--tool", "echo"],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout
        assert process.stderr
        while process.stdout.readline() != f"{job}  errands.echo  succeeded\n":
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert (process.wait(30), process.stderr.read()) == (0, "")


def test_key_of_a_profile_is_used(interlock: Command, client: Client, folder: Path) -> None:
    config = folder / ".config" / "interlock" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'[profiles.here]\nurl = "{client.url}"\nkey = "{client.api_key}"\n')
    config.chmod(0o600)
    others = {"INTERLOCK_URL": "http://127.0.0.1:1", "INTERLOCK_API_KEY": "wrong"}
    assert interlock("jobs", "-n", "1", "--profile", "here", **others).status == 0
    config.chmod(0o644)
    assert "run `chmod 600" in interlock("jobs", "--profile", "here", **others).err


def test_local_stack_of_the_project_is_found(interlock: Command, project: Path, client: Client) -> None:
    ended = subprocess.run(
        ["interlock", "status", "--json"],
        cwd=project, env={"PATH": str(Path(sys.executable).parent)}, capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    assert json.loads(ended.stdout)["url"] == client.url


def test_key_that_may_only_execute_runs_tools(interlock: Command, project: Path, client: Client) -> None:
    created = subprocess.run(
        ["interlock", "keys", "create", "--tenant", "dev", "--scopes", "execute,jobs:read", "--json"],
        cwd=project, env={"PATH": str(Path(sys.executable).parent)}, capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    key = json.loads(created.stdout)["key"]
    ended = interlock("run", "image.inspect", "image=@page.png", "colors=2", "-q", "--key", key)
    assert (ended.status, json.loads(ended.out)["width"]) == (0, 384)
    assert ended.err == "the key lacks the scope plugins:read, so types are guessed\n"
    refused = interlock("plugins", "--key", key)
    assert (refused.status, refused.out) == (4, "")
    assert "'plugins:read'" in refused.err


def test_documented_commands_for_keys_work(
    interlock: Command, project: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    create, *lines = code_block("docs/access.md", "sh", "interlock keys create --tenant").splitlines()
    made = interlock(*shlex.split(create, comments=True)[1:])
    key_id = re.search(r"^key_id +(\w+)$", made.out, re.MULTILINE)
    assert key_id is not None, made.err
    for line in lines:
        ended = interlock(*shlex.split(line.replace("KEY_ID", key_id[1]), comments=True)[1:])
        assert (ended.status, key_id[1] in ended.out) == (0, True), ended.err
    api = code_block("docs/access.md", "sh", "interlock keys create --url").replace("http://127.0.0.1:3000", client.url)
    for line in api.replace("dev-key", client.api_key).splitlines():
        ended = interlock(*shlex.split(line)[1:])
        assert (ended.status, "the lab" in ended.out) == (0, True), ended.err


@pytest.fixture
def deployed(client: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a stack in moto's CloudFormation whose output is the URL of the local stack."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    template = {"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}, "Outputs": {"Url": {"Value": client.url}}}
    with mock_aws():
        boto3.client("cloudformation").create_stack(StackName="interlock", TemplateBody=json.dumps(template))
        yield "interlock"


def test_stack_is_found_by_its_name_in_cloudformation(interlock: Command, folder: Path, deployed: str) -> None:
    status = json.loads(interlock("status", "--stack", deployed, "--json").out)
    assert (status["stack"], status["alarms"], status["status"]) == ("CREATE_COMPLETE", [], "ok")
    assert "stack interlock: CREATE_COMPLETE" in interlock("status", "--stack", deployed).out
    assert interlock("bundle", "--stack", deployed, "-o", "support.zip").status == 0
    with ZipFile(folder / "support.zip") as archive:
        assert json.loads(archive.read("about.json"))["selected_by"] == "stack interlock"
        assert json.loads(archive.read("status.json"))["stack"] == "CREATE_COMPLETE"
    unknown = interlock("status", "--stack", "nowhere")
    assert (unknown.status, unknown.out) == (4, "")


def test_keys_of_the_own_tenant_are_managed_through_the_api(interlock: Command, client: Client) -> None:
    api = ("--url", client.url, "--key", client.api_key, "--json")
    created = json.loads(
        interlock("keys", "create", "--scopes", "execute,jobs:read", "--rate", "10/s", "--expires", "1h", *api).out
    )
    assert (created["tenant"], created["rate"], created["created_by"]) == ("dev", "10/s", "dev")
    assert interlock("jobs", "-n", "1", "--key", created["key"]).status == 0
    revoked = json.loads(interlock("keys", "revoke", created["key_id"], *api).out)
    assert revoked["state"] == "revoked"
    assert revoked in json.loads(interlock("keys", "list", *api).out)
    assert interlock("keys", "list", "--tenant", "rival", *api).out == "[]\n"
    refused = interlock("keys", "list", "--url", client.url, "--key", created["key"])
    assert (refused.status, refused.out) == (4, "")
    assert interlock("keys", "revoke", "nobody", *api).status == 4


def test_operator_reads_the_table_of_the_local_stack(
    interlock: Command, project: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    job = client.execute("errands", "echo", {"text": "x"}).body["job_id"]
    found = json.loads(interlock("jobs", "--all-tenants", "--plugin", "errands", "--since", "1m", "--json").out)
    assert ("dev", job) in [(one["tenant"], one["job_id"]) for one in found]
    assert json.loads(interlock("jobs", "--tenant", "elsewhere", "--json").out) == []


def test_bundle_has_no_secret(interlock: Command, client: Client, folder: Path) -> None:
    interlock("run", "errands.fail")
    assert interlock("bundle", "-o", "b.zip", "--logs").status == 0
    with ZipFile(folder / "b.zip") as archive:
        content = {name: archive.read(name).decode() for name in archive.namelist()}
    assert {"about.json", "status.json", "plugins.json", "jobs.json", "failed.json", "events.json"} == set(content)
    assert "plugin_exception" in content["failed.json"]
    assert client.api_key not in "".join(content.values())
