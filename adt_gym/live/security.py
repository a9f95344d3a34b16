"""Who may see the page and leave labels.

Without a token only this machine reaches the service, so that two doors are left, and shut here: a page of somebody
else that the user's browser has open (it may send a request, and see no answer: no CORS), and a name that its owner
turns to 127.0.0.1 (it would see the answers). With a token, nothing is shown and taken without it.
"""

import hmac
import secrets
from ipaddress import ip_address
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adt_gym.checks import InputError
from adt_gym.live.config import Config

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Of the content: Plotly writes styles into the page and draws pictures of its own; all else is files of ours."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with "no-referrer" the login form's own Origin would be "null"
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}

OPEN = ("/healthz", "/login", "/assets/login.js", "/assets/live.css", "/assets/report.css")
"""What is there without the token: whether the service lives, and the form that asks for it."""

_READ = ("GET", "HEAD")


class Keys:
    """What opens the service: the token, the sessions that began with it, and the word that only its own pages know.

    Args:
        config: Names the file that holds the token, if there is one.

    Raises:
        InputError: If the file cannot be read, or is empty.
    """

    def __init__(self, config: Config):
        self.csrf = secrets.token_urlsafe(32)
        self.cookie = f"adt_session_{config.service.port}"  # cookies do not tell ports apart, and shards share a host
        self._sessions: set[str] = set()
        self._token = b""
        if name := config.service.token_file:
            path = config.path(name)
            try:
                self._token = path.read_bytes().strip()
            except OSError as error:
                raise InputError(f"token_file: {path} cannot be read: {error.strerror}") from None
            if not self._token:
                raise InputError(f"token_file: {path} is empty; write a long random token into it")

    @property
    def needed(self) -> bool:
        """Whether there is a token."""
        return bool(self._token)

    def right(self, token: bytes) -> bool:
        """Return whether this is the token."""
        return self.needed and hmac.compare_digest(token.strip(), self._token)

    def begin(self) -> str:
        """Return the name of a new session, which lasts as long as the process."""
        session = secrets.token_urlsafe(32)
        self._sessions.add(session)
        return session

    def bearer(self, request: Request) -> bool:
        """Return whether the request itself shows the token."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and self.right(token.encode("latin-1"))

    def session(self, request: Request) -> bool:
        """Return whether the request belongs to a session."""
        return request.cookies.get(self.cookie, "") in self._sessions


class Guard:
    """Middleware: turns away who may not, and says in the answers what browsers may do with them."""

    def __init__(self, app: ASGIApp, config: Config, keys: Keys):
        self._app, self._service, self._keys = app, config.service, keys
        self._link = urlsplit(config.service.address)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                asset = scope["path"].startswith("/assets/") and message["status"] in (200, 304)
                headers["Cache-Control"] = "private, max-age=31536000, immutable" if asset else "no-store"
            await send(message)

        await (self._refusal(Request(scope)) or self._app)(scope, receive, answer)

    def _refusal(self, request: Request) -> Response | None:
        """Return why a request is turned away; None if it is not."""
        headers, keys = request.headers, self._keys
        if self._service.local and not self._named(headers.get("host", "")):
            return refused(421, f"this page is served as {self._service.address}, and under no other name")
        bearer = keys.bearer(request)
        open_to_all = not keys.needed or request.url.path in OPEN
        if not (open_to_all or bearer or keys.session(request)):
            if request.method in _READ and "text/html" in headers.get("accept", ""):
                where = request.url.path + (f"?{request.url.query}" if request.url.query else "")
                return RedirectResponse(f"/login?next={quote(where, safe='')}", 303)
            return refused(401, "show the token: Authorization: Bearer ...", {"WWW-Authenticate": "Bearer"})
        if request.method in _READ or bearer:  # no page of somebody else knows the token
            return None
        if not self._own(headers):
            return refused(403, "no page of somebody else may do that")
        if request.url.path == "/login":
            return None
        browser = "origin" in headers or "sec-fetch-site" in headers or "cookie" in headers
        if browser and not hmac.compare_digest(headers.get("x-csrf-token", "").encode(), keys.csrf.encode()):
            return refused(403, "X-CSRF-Token is missing or of another start of the service; load the page again")
        return None

    def _named(self, host: str) -> bool:
        """Return whether a Host header names this machine, or what links begin with."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in ("localhost", self._service.host, self._link.hostname):
            return True
        try:
            return ip_address(name).is_loopback
        except ValueError:
            return False

    def _own(self, headers: Headers) -> bool:
        """Return whether a request comes from a page of ours, or from no browser.

        Every browser sends ``Origin`` with a POST to elsewhere. What sends neither header is a program; or a browser
        from before that, whose foreign pages cannot send JSON.
        """
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if site is not None and site != "same-origin":
            return False
        if origin is None:
            return True
        try:
            given = urlsplit(origin)
        except ValueError:
            return False
        ours = (headers.get("host", "").lower(), self._link.netloc.lower())
        return given.scheme in ("http", "https") and given.netloc.lower() in ours


def refused(status: int, why: str, headers: dict[str, str] | None = None) -> Response:
    """Return an answer that says in one line why there is none."""
    return JSONResponse({"error": " ".join(why.split())}, status, headers)
