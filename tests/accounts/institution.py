"""A minimal OpenID Connect provider on loopback: one person at a time, who always consents."""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwt import PyJWS
from jwt.algorithms import RSAAlgorithm

from tests.loopback import serving

jws = PyJWS()  # signs claims of any type, where jwt.encode wants a text for `sub`
CLIENT_ID, CLIENT_SECRET = "portal", "a secret between the two"


class Institution:
    """What the provider says of the person who signs in next, and what it was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.userinfo: dict[str, Any] = {}
        self.id_token_claims: dict[str, Any] = {}
        self.gives_id_token = True
        self.userinfo_token = ""  # what is answered in place of the JSON of userinfo
        self.has_userinfo = True
        self.end_session = ""  # where its own session is ended, if it offers that
        self.garbage = False  # answers everything with HTML
        self.asked: list[str] = []  # paths, in order
        self.codes: dict[str, dict[str, str]] = {}  # code -> what it was asked for with
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def knows(self, subject: str, **claims: Any) -> None:
        """Set who signs in next."""
        self.userinfo = {"sub": subject, **claims}

    def configuration(self) -> dict[str, Any]:
        """Return the discovery document."""
        userinfo = {"userinfo_endpoint": f"{self.url}/userinfo"} if self.has_userinfo else {}
        return userinfo | {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            **({"end_session_endpoint": self.end_session} if self.end_session else {}),
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }

    def authorize(self, query: dict[str, str]) -> str:
        """Return where the browser is sent back to, with a code."""
        code = secrets.token_urlsafe(8)
        self.codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def token(self, form: dict[str, str]) -> dict[str, Any] | None:
        """Return the tokens for a code, or None for a client that cannot prove who it is."""
        asked = self.codes.pop(form["code"], None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        proof = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if (
            asked is None
            or (form["client_id"], form["client_secret"]) != (CLIENT_ID, CLIENT_SECRET)
            or form["redirect_uri"] != asked["redirect_uri"]
            or asked.get("code_challenge") != proof
        ):
            return None
        tokens = {"access_token": "let-me-in", "token_type": "Bearer", "expires_in": 60}
        return {**tokens, "id_token": self._id_token(asked)} if self.gives_id_token else tokens

    def _id_token(self, asked: dict[str, str]) -> str:
        """Return who signs in, signed."""
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 60, "sub": self.userinfo.get("sub")}
        claims |= {"nonce": asked["nonce"]} if "nonce" in asked else {}
        return self.signed(claims | self.id_token_claims)

    def signed(self, claims: dict[str, Any], key: RSAPrivateKey | None = None, **headers: str) -> str:
        """Return the claims as a JWT, by the provider's key or another."""
        pem = (key or self.key).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return jws.encode(json.dumps(claims).encode(), pem, algorithm="RS256", headers={"kid": "1"} | headers)

    def keys(self) -> dict[str, Any]:
        """Return what the provider's signatures are checked with."""
        public = RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {"keys": [{**public, "kid": "1", "use": "sig"}]}


class _Handler(BaseHTTPRequestHandler):
    institution: Institution

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.institution.asked.append(url.path)
        if self.institution.garbage:
            self._answer(b"<h1>Welcome</h1>", "text/html")
        elif url.path == "/.well-known/openid-configuration":
            self._json(self.institution.configuration())
        elif url.path == "/authorize":
            self.send_response(302)
            self.send_header("Location", self.institution.authorize(query))
            self.end_headers()
        elif url.path == "/userinfo" and self.headers["Authorization"] == "Bearer let-me-in":
            if token := self.institution.userinfo_token:
                self._answer(token.encode(), "application/jwt;charset=utf-8")
            else:
                self._json(self.institution.userinfo)
        elif url.path == "/jwks":
            self._json(self.institution.keys())
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        form = {name: values[0] for name, values in parse_qs(self.rfile.read(length).decode()).items()}
        self.institution.asked.append(self.path)
        tokens = self.institution.token(form)
        if tokens is None:
            self._json({"error": "invalid_grant"}, status=400)
        else:
            self._json(tokens)

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _json(self, body: dict[str, Any], status: int = 200) -> None:
        self._answer(json.dumps(body).encode(), "application/json", status)

    def _answer(self, body: bytes, content_type: str, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def running() -> Iterator[Institution]:
    """Run a provider until the block ends."""
    institution = Institution()
    with serving(_Handler, institution=institution) as institution.url:
        yield institution
