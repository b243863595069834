"""An OpenID provider on a loopback port: its discovery document, its keys as they are rotated, and tokens."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

type PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

AUDIENCE = "interlock"


def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


class OpenIdProvider:
    """An OpenID provider whose current attributes determine its responses. `requests` are the requested paths."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.issuer = url
        self.keys: dict[str, PrivateKey] = {}
        self.requests: list[str] = []
        self.broken: bytes | None = None

    def publish(self, kid: str, key: PrivateKey) -> None:
        self.keys[kid] = key

    def answer(self, path: str) -> bytes | None:
        self.requests.append(path)
        if self.broken is not None:
            return self.broken
        if path == "/.well-known/openid-configuration":
            return json.dumps({"issuer": self.issuer, "jwks_uri": f"{self.url}/keys"}).encode()
        if path == "/keys":
            return json.dumps({"keys": [_jwk(kid, key) for kid, key in self.keys.items()]}).encode()
        return None

    def token(self, kid: str = "one", *, key: PrivateKey | str | None = None, alg: str = "RS256", **claims: Any) -> str:
        """Return a token that is valid for five minutes. `claims` replace its token claims; None removes one."""
        now = int(time.time())
        given = {
            "iss": self.issuer, "aud": AUDIENCE, "sub": "somebody", "iat": now, "exp": now + 300,
            "tenant": "acme", "scope": "execute jobs:read openid",
        } | claims  # fmt: skip
        payload = {name: value for name, value in given.items() if value is not None}
        return jwt.encode(payload, key or self.keys[kid], algorithm=alg, headers={"kid": kid})


def _jwk(kid: str, key: PrivateKey) -> dict[str, Any]:
    if isinstance(key, rsa.RSAPrivateKey):
        found = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"alg": "RS256"}
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        found = ECAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"alg": "ES256"}
    else:
        found = OKPAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"alg": "EdDSA"}
    return found | {"kid": kid, "use": "sig"}


@contextmanager
def running(port: int = 0) -> Iterator[OpenIdProvider]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = provider.answer(self.path)
            self.send_response(200 if body is not None else 404)
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, format: str, *args: Any) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    provider = OpenIdProvider(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
