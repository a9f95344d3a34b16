"""Another server over HTTP: asked with limits on time and size, and never the end of a thread."""

import logging
import random
import ssl
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx

from adt_gym.checks import InputError, shown

LARGEST = 256 << 20
"""Bytes of an answer that are read at most."""

if logging.getLogger("httpx").level == logging.NOTSET:  # it would log addresses, such as those of webhooks
    logging.getLogger("httpx").setLevel(logging.WARNING)


class Trouble(Exception):
    """A server did not do what it was asked for; asking again later may help.

    Args:
        kind: "connection", "timeout", "status" or "body".
        message: What happened, without anything secret.
        status: Of the answer, where there was one.
        body: The beginning of an answer that says what was wrong.
        large: Whether the answer was too large.
    """

    def __init__(self, kind: str, message: str, status: int | None = None, body: bytes = b"", large: bool = False):
        super().__init__(message)
        self.kind, self.status, self.body, self.large = kind, status, body, large


class Peer:
    """A server.

    Messages name it by scheme, host and port: paths, names and headers may be secrets.

    Args:
        url: Its address; paths are put behind it.
        timeout: Seconds until an answer must begin, between two parts of it, and until all of it must be there.
        bearer_token_file: Read anew at each request, so that tokens may change.
        username, password_file: For basic authentication; the file is read anew, too.
        ca_file: Certificates to trust instead of the system's.
        transport: How requests travel; httpx's own by default.

    Raises:
        InputError: If the address is none or a file cannot be read.
    """

    def __init__(
        self,
        url: str,
        timeout: float,
        *,
        bearer_token_file: Path | None = None,
        username: str = "",
        password_file: Path | None = None,
        ca_file: Path | None = None,
        transport: httpx.BaseTransport | None = None,
    ):
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL:
            parsed = httpx.URL("")
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise InputError("url must be one such as http://127.0.0.1:9090; this one has no http:// or no host")
        self.name = f"{parsed.scheme}://{parsed.netloc.decode()}"
        self._url, self._timeout = url.rstrip("/"), timeout
        for path in filter(None, (bearer_token_file, password_file)):
            try:
                _secret(path)
            except OSError as error:
                raise InputError(f"{path} cannot be read: {error.strerror}") from error
        auth = None if not (bearer_token_file or password_file) else _Auth(bearer_token_file, username, password_file)
        self._client = httpx.Client(timeout=timeout, auth=auth, verify=_trusted(ca_file), transport=transport)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def ask(self, method: str, path: str = "", **given: Any) -> bytes:
        """Return what the server answers.

        Args:
            method: Such as "GET".
            path: Behind the address of the server.
            given: Whatever ``httpx.Client.stream`` takes: params, data, json, headers.

        Raises:
            Trouble: If anything goes wrong, or the answer is none of success; no redirection is followed.
        """
        until = time.monotonic() + self._timeout
        begun, body, size = False, [], 0
        try:
            with self._client.stream(method, f"{self._url}/{path}" if path else self._url, **given) as answer:
                begun = True
                for part in answer.iter_bytes():
                    body.append(part)
                    size += len(part)
                    if size > LARGEST:
                        raise Trouble("body", f"{self.name} answered more than {LARGEST >> 20} MB", large=True)
                    if time.monotonic() > until:
                        raise Trouble("timeout", f"{self.name} had not answered all after {self._timeout:g} s")
                if not answer.is_success:
                    status = answer.status_code
                    raise Trouble("status", f"{self.name} answered {status}", status, b"".join(body)[:10_000])
        except httpx.TimeoutException as error:
            raise Trouble("timeout", f"{self.name} did not answer within {self._timeout:g} s") from error
        except (httpx.HTTPError, OSError) as error:
            kind = "body" if begun else "connection"
            raise Trouble(kind, f"{self.name}: {_reason(error)}") from error
        return b"".join(body)


class Backoff:
    """How long to wait after trouble: twice as long each time, and never as long as another that began at once.

    Args:
        first, most: Seconds.
    """

    def __init__(self, first: float = 1.0, most: float = 60.0):
        self._first, self._most = min(first, most), most
        self._next = self._first

    def after(self) -> float:
        """Return the seconds to wait after one more failure."""
        wait, self._next = self._next, min(2 * self._next, self._most)
        return wait * random.uniform(0.5, 1.0)

    def reset(self) -> None:
        """Begin anew after a success."""
        self._next = self._first


class _Auth(httpx.Auth):
    def __init__(self, bearer: Path | None, username: str, password: Path | None):
        self._bearer, self._username, self._password = bearer, username, password

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if self._bearer is not None:
            token = _secret(self._bearer)
            if not (token.isascii() and token.isprintable()):  # libraries quote headers that they refuse
                raise Trouble("connection", f"{self._bearer} holds more than the one line of a token")
            request.headers["Authorization"] = f"Bearer {token}"
            yield request
        elif self._password is not None:
            yield from httpx.BasicAuth(self._username, _secret(self._password)).auth_flow(request)


def _secret(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace").strip()


def _trusted(ca_file: Path | None) -> ssl.SSLContext | bool:
    if ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise InputError(f"ca_file {ca_file} cannot be read as certificates: {shown(error.strerror)}") from error


def _reason(error: Exception) -> str:
    """Return what went wrong in words that hold no header: errors of headers quote them."""
    if isinstance(error, httpx.ConnectError | httpx.ReadError | httpx.RemoteProtocolError):
        return str(error) or type(error).__name__
    if isinstance(error, OSError):
        return f"{error.filename or ''} {error.strerror}".strip()
    return type(error).__name__
