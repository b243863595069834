"""The API of a local stack on a port. Importing this takes a second: SAM CLI and moto."""

import contextlib
import socket
from collections.abc import Callable, Collection, Iterable
from typing import Any

from interlock_dev.apigateway.docs import with_docs
from interlock_dev.apigateway.gateway import Gateway
from interlock_dev.apigateway.hosts import KnownHosts
from interlock_dev.apigateway.requests import GatewayHandler
from interlock_dev.aws.events.schedules import Schedules
from interlock_dev.aws.resources import put_api_key
from interlock_dev.project.http_server import HttpServer
from interlock_dev.stack.stack import Stack


def serve_api(
    stack: Stack,
    listener: socket.socket,
    api_key: str,
    cleanup: contextlib.ExitStack,
    *,
    before_request: Callable[[], None],
    hosts: Collection[str] = (),
) -> None:
    """Serve the API with its documentation and run the schedules, until `cleanup` stops both. `hosts` are the names
    that it answers for, besides those of this machine."""
    put_api_key(stack.aws.url, stack.owner, stack.table, api_key)
    port = listener.getsockname()[1]
    gateway = Gateway(stack.set.api, stack.functions, properties=stack.set.template.api_properties(), port=port)
    cleanup.callback(gateway.close)
    serve = with_docs(gateway.wsgi)

    def serve_current_code(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        before_request()
        return serve(environ, start_response)

    front = HttpServer(KnownHosts(serve_current_code, hosts), listener, handler=GatewayHandler)
    cleanup.callback(front.start().close)
    cleanup.callback(Schedules(stack.set.template.schedules(), stack.aws.lambda_api.send).stop)
