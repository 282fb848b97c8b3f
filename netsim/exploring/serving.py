"""The server of the explorer: this machine alone, with a secret in the address.

A request is answered only if its address has the secret, its ``Host`` is this server on the loopback interface, and its
``Origin``, if any, is the page. Other users, pages of other origins and rebound names therefore get nothing. A question
is JSON, checked by `View`. No answer reads a file.
"""

from __future__ import annotations

import hmac
import importlib.resources
import importlib.util
import itertools
import json
import os
import secrets
import socket
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netsim.data.stimuli import Stimuli
from netsim.errors import NetsimError, RunError
from netsim.exploring.explorer import Explorer, SupersededError
from netsim.exploring.view import View
from netsim.runs.model import Subject

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

LOOPBACK = "127.0.0.1"
LARGEST = 2_000_000
"""Bytes of a question."""
_ASKED = 1000
"""Kinds of questions of all pages whose newest is remembered."""
_YIELDING = {"accuracy", "deciding-neurons", "effects", "repeats", "search"}
"""Questions that take long, and give way to a newer view of the same page."""
_KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " img-src 'self' data: blob:; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'self' http://localhost:* http://127.0.0.1:*",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
Call = Callable[..., Awaitable[Any]]


class Guard:
    """ASGI middleware that refuses requests of anybody but the page, with status 403 and no content.

    Parameters
    ----------
    app : callable
        The application.
    token : str
        The secret, the first part of the path.
    port : int
    """

    def __init__(self, app: Call, token: str, port: int) -> None:
        self._app, self._token = app, token.encode()
        self._hosts = {f"{name}:{port}".encode() for name in (LOOPBACK, "localhost")}

    async def __call__(self, scope: dict[str, Any], receive: Call, send: Call) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan" or (scope["type"] == "http" and self._admits(scope)):
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await send({"type": "http.response.start", "status": 403, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        else:
            await send({"type": "websocket.close", "code": 1008})

    def _admits(self, scope: dict[str, Any]) -> bool:
        given: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            given.setdefault(name.lower(), []).append(value)
        hosts, origins = given.get(b"host", []), given.get(b"origin", [])
        from_here = given.get(b"sec-fetch-site", [b"none"]) in ([b"none"], [b"same-origin"])
        first = scope["path"].encode("utf-8", "replace").split(b"/")[1:2]
        return (
            len(hosts) == 1
            and hosts[0] in self._hosts
            and all(origin == b"http://" + hosts[0] for origin in origins)
            and (from_here or given.get(b"sec-fetch-mode") == [b"navigate"])  # a link to the page may be anywhere
            and len(first) == 1
            and hmac.compare_digest(first[0], self._token)
        )


def read_page() -> dict[str, bytes]:
    """Return the files of the page by name. The page itself has the empty name."""
    folder = importlib.resources.files("netsim.exploring") / "page"
    files = {each.name: each.read_bytes() for each in folder.iterdir() if each.is_file()}
    return {"": files.pop("page.html")} | files


def application(explorer: Explorer, token: str, port: int) -> Starlette:
    """Return the application. It answers one question at a time.

    A page that asks again, with its name in the header ``page``, wants only the newest answer to each kind of question.
    The older question ends with status 409: at once if it waits, else after its current batch. So does a question that
    takes long, if the page asks for the spikes of a newer view.
    """
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.middleware import Middleware
    from starlette.responses import Response
    from starlette.routing import Route

    files = read_page()
    alone = threading.Lock()
    arrivals = itertools.count()
    newest: OrderedDict[tuple[str, str], int] = OrderedDict()  # by page and question

    async def page(request: Request) -> Response:
        name = request.path_params.get("name", "")
        if name not in files:
            return Response(status_code=404)
        kind = _KINDS[Path(name or "page.html").suffix]
        return Response(files[name], media_type=kind, headers=_HEADERS)

    def answer(question: str, body: bytes, is_stale: Callable[[], bool]) -> Response:
        try:
            given = json.loads(body)
        except (ValueError, RecursionError):
            return Response("question: is not JSON", 400, media_type="text/plain", headers=_HEADERS)
        try:
            with alone:
                content, kind = explorer.ask(question, given, is_stale)
        except SupersededError:
            return Response(status_code=409, headers=_HEADERS)
        except NetsimError as error:
            return Response(str(error), 400, media_type="text/plain", headers=_HEADERS)
        return Response(content, media_type=kind, headers=_HEADERS)

    async def ask(request: Request) -> Response:
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > LARGEST:
                return Response("question: is too long", 413, media_type="text/plain", headers=_HEADERS)
        question = request.path_params["question"]
        asked, number = (request.headers.get("page", "")[:40], question[:40]), next(arrivals)
        if asked[0]:
            newest[asked] = number
            newest.move_to_end(asked)
        if len(newest) > _ASKED:
            newest.popitem(last=False)

        def is_stale() -> bool:
            yields = question in _YIELDING and newest.get((asked[0], "spikes"), number) > number
            return yields or newest.get(asked, number) != number

        return await run_in_threadpool(answer, question, body, is_stale)

    routes = [
        Route(f"/{token}/", page),
        Route(f"/{token}/{{name}}", page),
        Route(f"/{token}/ask/{{question}}", ask, methods=["POST"]),
    ]
    made = Starlette(routes=routes, middleware=[Middleware(Guard, token=token, port=port)])
    made.state.newest = newest
    return made


class Serving:
    """An explorer that is served in a thread of this process.

    Attributes
    ----------
    address : str
        Address of the page, with its secret. Whoever knows it may use the page.
    explorer : Explorer

    Examples
    --------
    >>> import netsim
    >>> served = netsim.explore("digits")  # doctest: +SKIP
    >>> served.address  # doctest: +SKIP
    'http://127.0.0.1:40123/...'
    >>> served.close()  # doctest: +SKIP
    """

    def __init__(self, explorer: Explorer, view: View | None = None, port: int = 0) -> None:
        check_installed()
        import uvicorn

        self.explorer = explorer
        if view is not None:
            view.stimulus(explorer.stimuli)  # refuses a stimulus that does not exist
        state = f"#{view.to_text()}" if view else ""
        self._socket = _listening(port)
        port, token = self._socket.getsockname()[1], secrets.token_urlsafe(24)
        self.address = f"http://{LOOPBACK}:{port}/{token}/{state}"
        config = uvicorn.Config(
            application(explorer, token, port),
            log_level="critical",
            access_log=False,
            lifespan="off",
            ws="none",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        # a signal that interrupts Thread.join makes Python 3.11 take the thread for ended
        self._ended = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            self._server.run([self._socket])
        finally:
            self._ended.set()

    def __repr__(self) -> str:
        return f"Serving({self.explorer.name!r}, {self.address!r})"

    def _repr_html_(self) -> str:
        self.explorer.import_brian2()
        return f'<iframe src="{self.address}" width="100%" height="900" style="border:0"></iframe>'

    def wait(self) -> None:
        """Wait until the server ends."""
        while not self._ended.wait(0.5):
            if self.explorer.has_shown:  # before, the import would delay the page
                self.explorer.import_brian2()

    def stop(self, *_: object) -> None:
        """Ask the server to end, and return at once. It can handle signals, because it takes no lock."""
        self._server.should_exit = True

    def close(self) -> None:
        """Stop the server."""
        self.stop()
        if self._ended.wait(60):  # until then the server uses the socket
            self._socket.close()


def explore(
    model: Subject,
    stimuli: Stimuli | None = None,
    *,
    view: View | None = None,
    port: int = 0,
    name: str | None = None,
    seed: int = 0,
) -> Serving:
    """Serve a page on this machine that shows single presentations, and what changes them.

    Parameters
    ----------
    model : Model, Network, str or Path
        A model, a network with initial weights, or the name of a run, preset or TOML file.
    stimuli : Stimuli, optional
        The default is the test stimuli of the model's data set.
    view : View, optional
        What the page shows first.
    port : int
        Port on the loopback interface. The default is any free port.
    name : str, optional
        Name of the model in the programs and commands that the page shows.
    seed : int
        Seed of initial weights in these.

    Returns
    -------
    Serving
        A notebook shows it as the page. `Serving.address` opens it in a browser, and `Serving.close` ends it.

    Raises
    ------
    DataError
        If the stimulus of the view does not exist.
    RunError
        If the extra ``explore`` is not installed, or the port is in use.

    Examples
    --------
    >>> import netsim
    >>> served = netsim.explore("digits", view=netsim.View(index=7))  # doctest: +SKIP
    >>> served.close()  # doctest: +SKIP
    """
    check_installed()
    return Serving(Explorer(model, stimuli, name, seed), view, port)


def check_installed() -> None:
    """Raise RunError unless the packages of the extra ``explore`` are installed."""
    missing = [name for name in ("starlette", "uvicorn") if importlib.util.find_spec(name) is None]
    if missing:
        raise RunError(
            f"explore: needs {' and '.join(missing)}; install the extra explore, with pip install '.[explore]' in the"
            " folder of netsim"
        )


def _listening(port: int) -> socket.socket:
    """Return a socket that listens at a port of the loopback interface."""
    if not 0 <= port <= 65535:
        raise RunError(f"port {port}: must be from 0 to 65535")
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if os.name == "posix":  # on Windows, this option would let two programs listen at one port
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((LOOPBACK, port))
        listening.listen()
    except OSError as error:
        listening.close()
        reason = error.strerror or str(error)
        raise RunError(f"port {port}: {reason.lower()}; choose another with --port, or 0 for any free port") from error
    return listening
