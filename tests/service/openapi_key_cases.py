"""The cases of API keys, by operation, status and circumstances."""

from collections.abc import Callable, Mapping

from tests.service.openapi_service import Answer, Service


def _key_pages(service: Service, **query: str) -> Answer:
    service.call("createKey", {"scopes": ["execute"]})
    return service.call("listKeys", query={name: [value] for name, value in query.items()})


def _revoked(service: Service, times: int) -> Answer:
    key_id = service.call("createKey", {"scopes": ["execute"]}).body["key_id"]
    return [service.call("revokeKey", key_id=key_id) for _ in range(times)][-1]


KEYS: Mapping[tuple[str, int, str], Callable[[Service], Answer]] = {
    ("listKeys", 200, "all"): lambda service: service.call("listKeys"),
    ("listKeys", 200, "first page"): lambda service: _key_pages(service, limit="1"),
    ("listKeys", 400, "bad limit"): lambda service: _key_pages(service, limit="0"),
    ("listKeys", 400, "unknown parameter"): lambda service: _key_pages(service, tenant="rival"),
    ("createKey", 201, "with limits"): lambda service: service.call(
        "createKey",
        {"scopes": ["execute"], "name": "the lab", "expires_in_s": 60, "rate": "10/s", "concurrency": 4},
    ),
    ("createKey", 400, "bad rate"): lambda service: service.call("createKey", {"scopes": ["execute"], "rate": "x"}),
    ("revokeKey", 200, "once"): lambda service: _revoked(service, 1),
    ("revokeKey", 200, "twice"): lambda service: _revoked(service, 2),
    ("revokeKey", 404, "unknown"): lambda service: service.call("revokeKey"),
}
