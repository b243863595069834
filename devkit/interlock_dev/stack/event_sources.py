"""Connect the template's event source mappings: streams of tables, functions, and queues for failed batches."""

import json
import sys
from collections.abc import Sequence
from typing import Any

from interlock_dev.aws.dynamodb.stream import Record, stream_event
from interlock_dev.aws.lambda_api.event_sources import EventSource, Mapped, given_up
from interlock_dev.aws.resources import send_message
from interlock_dev.aws.server import LocalAws
from interlock_dev.lambda_.functions import Invoker
from interlock_dev.project.access_keys import AccessKey
from interlock_dev.project.template import Template, table_of


def event_sources(template: Template, aws: LocalAws, functions: Invoker, owner: AccessKey) -> Sequence[EventSource]:
    """Return the event sources, which are not started yet."""
    return [_event_source(properties, aws, functions, owner) for properties in template.event_sources()]


def _event_source(properties: Any, aws: LocalAws, functions: Invoker, owner: AccessKey) -> EventSource:
    mapped = Mapped.of(properties)
    destination = properties.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")

    def give_up(shard: str, records: Sequence[Record]) -> None:
        message = json.dumps(given_up(mapped, shard, records))
        sys.stderr.write(f"interlock: {mapped.function} did not process a batch: {message}\n")
        if destination:
            send_message(aws.url, owner, destination, message)

    return EventSource(
        mapped,
        functions,
        take=aws.stream(table_of(mapped.stream_arn)).reader(),
        event=stream_event,
        give_up=give_up,
    )
