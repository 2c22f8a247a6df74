"""Who may come in: whoever holds the token, from this machine, from the page itself."""

import secrets

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS = ("127.0.0.1", "localhost")
COOKIE = "stylize"
HEADERS = {
    # No address but the page's own, no frame around it, nothing written into it.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",  # pictures too: browsers keep theirs on the disk
}


class Gate:
    """Refuses what does not come from the page.

    A page of another origin can send requests to 127.0.0.1, also with this one's cookie where only
    the port differs, and one whose name was rebound to 127.0.0.1 can read the answers. So the
    cookie alone does not do: `Host`, `Origin` and `Sec-Fetch-Site` are looked at too.

    Args:
        app: what lies behind it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app, self.token = app, secrets.token_urlsafe(32)
        self._tickets: set[str] = set()

    def ticket(self) -> str:
        """Lets a browser in once: other users may read the arguments that it is started with."""
        ticket = secrets.token_urlsafe(32)
        self._tickets.add(ticket)
        return ticket

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets a request through, or answers it with 403."""
        if scope["type"] != "http":
            return

        request = Request(scope)
        fresh = self._enters(request)
        cookie = f"{COOKIE}{scope['server'][1]}"  # browsers keep those of all ports together
        reason = _stranger(request, entering=fresh)
        if not reason and not fresh and not self._known(request.cookies.get(cookie, "")):
            reason = "open the page by the address that stylize page has printed"

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if fresh and not reason:
                    kept = f"{cookie}={self.token}; HttpOnly; SameSite=Strict; Path=/"
                    headers.append("Set-Cookie", kept)
            await send(message)

        through = PlainTextResponse(f"error: {reason}", 403) if reason else self.app
        await through(scope, receive, answer)

    def _enters(self, request: Request) -> bool:
        given = request.query_params.get("token", "")
        if request.scope["path"] != "/" or request.method != "GET" or not given:
            return False
        if given in self._tickets:
            self._tickets.discard(given)
            return True
        return self._known(given)

    def _known(self, token: str) -> bool:
        return secrets.compare_digest(token.encode(), self.token.encode())


def _stranger(request: Request, *, entering: bool) -> str:
    """Why a request does not come from the page, or ""."""
    host = request.headers.get("host", "")
    if host.rpartition(":")[0] not in HOSTS and host not in HOSTS:
        return f"this page is at {HOSTS[0]} only"
    origin = request.headers.get("origin")
    if origin is not None and origin != f"http://{host}":
        return "other pages may not ask"
    if not entering and request.headers.get("sec-fetch-site", "none") not in (
        "same-origin",
        "none",
    ):
        return "other pages may not ask"
    return ""
