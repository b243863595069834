"""`interlock webhook`: a receiver for development, the secret that signs messages, and sending them again."""

from __future__ import annotations

import json as json_text
import sys
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from standardwebhooks import Webhook, WebhookVerificationError

from interlock_client.documents import WebhookEvent, WebhookSecret
from interlock_dev.commands.exits import Exit
from interlock_dev.commands.options import Target
from interlock_dev.commands.remote.batches.following import described
from interlock_dev.commands.remote.output import console, print_json, printable, table
from interlock_dev.commands.remote.target import connect
from interlock_dev.project.errors import UsageError

MAX_MESSAGE_BYTES = 64 * 1024
"""More than any message has."""

type Verify = Callable[[bytes, dict[str, str]], Any]


def listen(target: Target, port: int, *, json: bool) -> Exit:
    """Receive webhooks until Ctrl-C, and print one line for each message that is verified. Raise `UsageError`."""
    with connect(target) as (interlock, _):
        verifier = Webhook(interlock.webhook_secret()["secret"])
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), _handler(verifier.verify, json=json))
    except OSError as error:
        raise UsageError(f"port {port} cannot be used ({error.strerror}): choose another with --port") from None
    sys.stderr.write(f"receiving webhooks on http://127.0.0.1:{server.server_port}/; Ctrl-C ends it\n")
    sys.stderr.write("a local stack sends them if it was started with --allow-local-webhooks\n")
    sys.stderr.flush()
    with server, suppress(KeyboardInterrupt):
        server.serve_forever(poll_interval=0.1)
    return Exit.OK


def _handler(verify: Verify, *, json: bool) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 15

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if not length.isdecimal() or int(length) > MAX_MESSAGE_BYTES:
                return self.send_error(413)
            body = self.rfile.read(int(length))
            try:
                message = verify(body, dict(self.headers))
            except (WebhookVerificationError, ValueError) as error:
                sys.stderr.write(f"refused a message that this secret has not signed: {error}\n")
                return self.send_error(401)
            print_json(message) if json else sys.stdout.write(message_line(message, self.path) + "\n")
            sys.stdout.flush()
            self.send_response(204)
            return self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Do not log requests: messages are printed when they are verified."""

    return Handler


def message_line(message: Any, path: str) -> str:
    """Return the line for a message about a job or a batch."""
    data = message["data"]
    about = data["job_id"] if "job_id" in data else data["batch_id"]
    text = f"{message['timestamp']}  {message['type']:14} {about}  {data['plugin']}.{data['tool']}  {path}"
    if "counts" in data:
        text += f"  {data['status']}: {described(data)}"
    elif "result" in data:
        text += f"  {json_text.dumps(data['result'], ensure_ascii=False)[:80]}"
    elif data["error"]:
        text += f"  {data['error']['code']}"
    return printable(text)


def show_secret(target: Target, *, json: bool) -> Exit:
    """Print the secret. Raise `UsageError`."""
    with connect(target) as (interlock, _):
        _print_secret(interlock.webhook_secret(), json=json)
    return Exit.OK


def rotate_secret(target: Target, *, json: bool) -> Exit:
    """Replace the secret and print the new one. Raise `UsageError`."""
    with connect(target) as (interlock, _):
        _print_secret(interlock.rotate_webhook_secret(), json=json)
    return Exit.OK


def _print_secret(secret: WebhookSecret, *, json: bool) -> None:
    if json:
        print_json(secret)
        return
    sys.stdout.write(secret["secret"] + "\n")
    if secret["previous_expires_at"]:
        sys.stderr.write(f"messages are also signed with the previous secret until {secret['previous_expires_at']}\n")


def redeliver(target: Target, job_id: str, event: str | None, *, json: bool) -> Exit:
    """Send messages again, and print the deliveries. Raise `UsageError`."""
    with connect(target) as (interlock, _):
        job = interlock.job(job_id).redeliver(cast("WebhookEvent | None", event))
    if json:
        print_json(job.deliveries)
    else:
        rows = [[one["event"], one["state"], one["attempts"]] for one in job.deliveries]
        console().print(table(("event", "state", "attempts"), rows))
    return Exit.OK
