"""A client of the table that counts the units of its requests."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from bench.units import Units
from tests.service.conftest import Table


@dataclass
class Meter:
    """Units and requested operations of a `with` block."""

    read: float = 0
    written: float = 0
    requests: list[str] = field(default_factory=list)


class MeteredClient:
    """A DynamoDB client. It reads the items before and after each write itself, so nothing else may write them."""

    def __init__(self, table: Table) -> None:
        self._client: Any = table.client
        self._units = Units(lambda operation, request: self._method(operation)(**request))
        self._meter = Meter()

    def _method(self, operation: str) -> Any:
        names = {api: name for name, api in self._client.meta.method_to_api_mapping.items()}
        return getattr(self._client, names[operation])

    @contextmanager
    def metered(self) -> Iterator[Meter]:
        self._meter = Meter()
        yield self._meter

    def __getattr__(self, name: str) -> Any:
        operation = self._client.meta.method_to_api_mapping[name]

        def call(**request: Any) -> Any:
            self._meter.requests.append(operation)
            answers: list[Any] = []
            perform = lambda: answers.append(getattr(self._client, name)(**request))  # noqa: E731
            read, written = self._units.of(operation, request, perform)
            self._meter.read += read
            self._meter.written += written
            return answers[0]

        return call
