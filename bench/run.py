"""The parts that all measurements of a run share."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.contestants import EVENT, Contestants, FunctionProcess
from bench.table import TableServer
from interlock_dev.project.template import AwsType


@dataclass
class Run:
    """A run of the bench. `rounds` is the number of interleaved rounds; `server` is the table of all contestants."""

    folder: Path
    rounds: int
    server: TableServer

    def __post_init__(self) -> None:
        self.contestants = Contestants(self.folder, self.server.url)
        template = self.contestants.template
        for resource in template.resources:
            match resource.type:
                case AwsType.TABLE:
                    self.server.create(resource)
                case AwsType.BUCKET if self.server.has_all:
                    self.server.create_bucket(resource.name)
                case AwsType.STATE_MACHINE if self.server.has_all:
                    self.server.create_workflow(resource.name)
        self.server.create_for_peers()

    def event(self, name: str, *, method: str = "POST", path: str = "/v1/execute", **fields: Any) -> Path:
        """Write a variation of the peers' event, and return its file. `body` becomes JSON; `headers` are added."""
        event = json.loads(EVENT.read_text())
        # Without `body`, the peers' body is kept on the route that they have, and left out on others.
        kept = event["body"] if path == "/v1/execute" else None
        body = json.dumps(fields.pop("body")) if "body" in fields else kept
        headers = fields.pop("headers", {})
        query: Mapping[str, str] = fields.pop("query", {})
        event |= {"httpMethod": method, "path": path, "resource": path, "body": body, **fields}
        event["headers"] |= headers
        event["multiValueHeaders"] |= {key: [value] for key, value in headers.items()}
        event["queryStringParameters"] = dict(query) or None
        event["multiValueQueryStringParameters"] = {key: [value] for key, value in query.items()} or None
        event["requestContext"]["authorizer"]["scopes"] = "admin"
        file = self.folder / f"{name}.json"
        file.write_text(json.dumps(event))
        return file

    @cached_property
    def finished_job(self) -> str:
        """The id of a finished job."""
        with FunctionProcess(self.contestants.interlock()) as function:
            return str(function.body["job_id"])
