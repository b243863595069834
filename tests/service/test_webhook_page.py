"""The receiver on the page about webhooks works as it is printed there."""

import os
import subprocess
import sys
import time

from standardwebhooks import Webhook

from interlock.adapters.webhook_http import WebhookSender
from interlock.domain.times import utc_now
from interlock.domain.webhook import Answer, DeliveryError
from interlock.domain.webhook_secret import SigningSecrets
from interlock.domain.webhook_url import UrlRules
from interlock_dev.project.host import listen
from tests.documented import code_block

PATIENCE_S = 20
BODY = '{"type":"job.succeeded","data":{"job_id":"01KY4QJ3HS0123456789ABCDEF"}}'


def receiver_code() -> str:
    return code_block("docs/webhooks.md", "python", "import os")


def test_receiver_of_the_page_accepts_only_signed_messages() -> None:
    secret, now = SigningSecrets.new(utc_now()).current, utc_now()
    with listen(0) as reserved:
        port = reserved.getsockname()[1]
    environment = {**os.environ, "WEBHOOK_SECRET": secret, "PORT": str(port)}
    receiver = subprocess.Popen(
        [sys.executable, "-c", receiver_code()], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        headers = {"webhook-id": "01J-finished", "webhook-timestamp": str(int(now.timestamp()))}
        headers["webhook-signature"] = Webhook(secret).sign("01J-finished", now, BODY)
        send, until = WebhookSender(UrlRules(local=True)), time.monotonic() + PATIENCE_S
        while (answer := send(f"http://127.0.0.1:{port}/", headers, BODY.encode())).error is DeliveryError.CONNECT:
            assert time.monotonic() < until, "the receiver did not start"
            time.sleep(0.05)
        assert answer == Answer(204)
        assert receiver.stdout is not None
        assert receiver.stdout.readline() == b"job.succeeded 01J-finished\n"
        forged = send(f"http://127.0.0.1:{port}/", headers, BODY.replace("succeeded", "failed").encode())
        assert forged == Answer(401, DeliveryError.STATUS)
    finally:
        receiver.kill()
        receiver.communicate()


def test_receiver_of_the_page_is_short() -> None:
    lines = [line for line in receiver_code().splitlines() if line]
    assert len(lines) <= 15
