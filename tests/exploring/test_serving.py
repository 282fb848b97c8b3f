"""The server: who is answered, and what. Requests reach the application without a network, except in one test."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

import netsim
from netsim.errors import DataError
from netsim.exploring import Explorer, View, serving
from netsim.exploring.asking import questions

pytest.importorskip("starlette", reason="the extra explore is not installed")
pytest.importorskip("uvicorn", reason="the extra explore is not installed")

PORT, TOKEN = 8123, "secret-of-this-test"
HOST = f"127.0.0.1:{PORT}"


@pytest.fixture(scope="module")
def app() -> Any:
    return serving.application(Explorer("digits"), TOKEN, PORT)


def _ask(
    app: Any,
    path: str,
    body: bytes = b"",
    method: str = "GET",
    headers: dict[str, str] | None = None,
    also: dict[str, Any] | None = None,
) -> tuple[int, bytes, dict[str, str]]:
    """Send one request, and return status, content and headers."""
    sent: list[dict[str, Any]] = []
    given = {"host": HOST} | (headers or {})

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asked = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        "scheme": "http",
        "http_version": "1.1",
        "server": ("127.0.0.1", PORT),
        "client": ("127.0.0.1", 5),
    }
    asyncio.run(app(asked | (also or {}), receive, send))
    content = b"".join(message.get("body", b"") for message in sent)
    start = sent[0]
    return start.get("status", 0), content, {name.decode(): value.decode() for name, value in start.get("headers", [])}


def _post(app: Any, question: str, content: Any, **headers: str) -> tuple[int, bytes]:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return _ask(app, f"/{TOKEN}/ask/{question}", body, "POST", headers)[:2]


def test_the_page_and_its_answers(app: Any) -> None:
    status, content, headers = _ask(app, f"/{TOKEN}/")
    assert status == 200
    assert b"page.js" in content
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
    for name in ("page.js", "draw.js", "page.css"):
        assert _ask(app, f"/{TOKEN}/{name}")[0] == 200
    status, content = _post(app, "about", {})
    assert status == 200
    assert json.loads(content)["name"] == "digits"
    assert _post(app, "spikes", {"view": {"index": 3}}, origin=f"http://{HOST}")[0] == 200


@pytest.mark.parametrize(
    "path", ["/", "/page.js", "/wrong/", "/wrong/page.js", f"//{TOKEN}/", f"/{TOKEN[:-1]}/", "/é/"]
)
def test_without_the_token_nothing_is_answered(app: Any, path: str) -> None:
    """Another user of the machine does not know it."""
    assert _ask(app, path)[:2] == (403, b"")
    assert _ask(app, "/ask/about", b"{}", "POST")[:2] == (403, b"")


@pytest.mark.parametrize(
    "host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:80", f"localhost.:{PORT}", ""]
)
def test_rebound_names_get_nothing(app: Any, host: str) -> None:
    assert _ask(app, f"/{TOKEN}/", headers={"host": host})[:2] == (403, b"")


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:9999", f"https://{HOST}", ""])
def test_pages_of_other_origins_get_nothing(app: Any, origin: str) -> None:
    assert _post(app, "about", {}, origin=origin) == (403, b"")


def test_other_sites_may_link_to_the_page_only(app: Any) -> None:
    site = {"sec-fetch-site": "cross-site"}
    assert _ask(app, f"/{TOKEN}/page.js", headers=site)[0] == 403
    assert _ask(app, f"/{TOKEN}/", headers=site | {"sec-fetch-mode": "navigate"})[0] == 200


def test_a_second_host_is_refused(app: Any) -> None:
    twice = [(b"host", HOST.encode()), (b"host", b"evil.example")]
    assert _ask(app, f"/{TOKEN}/", also={"headers": twice})[0] == 403


def test_websockets_are_refused(app: Any) -> None:
    assert _ask(app, f"/{TOKEN}/", also={"type": "websocket"})[0] == 0


@pytest.mark.parametrize(
    "name", ["../serving.py", "..%2fserving.py", "serving.py", "page.html", "/etc/passwd", "%2e%2e/view.py", ".", "x\0"]
)
def test_no_path_leads_to_files(app: Any, name: str) -> None:
    status, content, _ = _ask(app, f"/{TOKEN}/{name}")
    assert status == 404
    assert b"import" not in content
    assert b"root:" not in content


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", b"[]", b'"x"', b"[" * 100_000, b'{"view": {"__class__": 1}}', b'{"view": {"seed": 1e999}}'],
)
def test_wrong_questions_are_one_line(app: Any, body: bytes) -> None:
    status, content = _post(app, "spikes", body)
    assert status == 400
    assert content
    assert b"\n" not in content
    assert b"Traceback" not in content


def test_the_newest_question_of_a_page_wins() -> None:
    """An older question that waits is not computed any more. Other pages and other questions keep theirs."""
    explorer = Explorer("digits")
    begun, go = threading.Event(), threading.Event()
    ask, computed = explorer.ask, []

    def slow(question: str, given: Any, is_stale: Any) -> Any:
        begun.set()
        go.wait(30)
        answer = ask(question, given, is_stale)
        computed.append(given["view"]["index"])
        return answer

    explorer.ask = slow  # type: ignore[assignment, method-assign]
    app, statuses = serving.application(explorer, TOKEN, PORT), {}

    def send(index: int, page: str) -> None:
        statuses[index] = _post(app, "spikes", {"view": {"index": index}}, page=page)[0]

    threads = []
    for index, page in enumerate(("mine", "mine", "mine", "another")):
        threads.append(threading.Thread(target=send, args=(index, page)))
        arrived = len(app.state.newest)
        threads[-1].start()
        begun.wait(30)
        while len(app.state.newest) == arrived and app.state.newest.get((page, "spikes"), -1) < index:
            time.sleep(0.001)
    go.set()
    for thread in threads:
        thread.join(60)
    assert statuses == {0: 409, 1: 409, 2: 200, 3: 200}
    assert sorted(computed) == [2, 3]


def test_a_long_question_gives_way_to_a_newer_view() -> None:
    explorer, begun = Explorer("digits"), threading.Event()
    ask = explorer.ask

    def slow(question: str, given: Any, is_stale: Any) -> Any:
        begun.set()
        while question == "effects" and not is_stale():
            time.sleep(0.001)
        return ask(question, given, is_stale)

    explorer.ask = slow  # type: ignore[assignment, method-assign]
    app, statuses = serving.application(explorer, TOKEN, PORT), []
    content = {"view": {}, "layer": "hidden", "part": "neurons"}
    thread = threading.Thread(target=lambda: statuses.append(_post(app, "effects", content, page="mine")[0]))
    thread.start()
    assert begun.wait(30)
    assert _post(app, "spikes", {"view": {}}, page="mine")[0] == 200
    thread.join(60)
    assert statuses == [409]


def test_faults_of_the_server_are_no_wrong_questions(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Any:
        raise ValueError("a fault")

    monkeypatch.setitem(questions._entries, "about", fail)
    with pytest.raises(ValueError, match="a fault"):
        _post(app, "about", {})


def test_long_questions_are_refused(app: Any) -> None:
    assert _post(app, "spikes", b" " * (serving.LARGEST + 1))[0] == 413


def test_nothing_evaluates_code() -> None:
    """Neither the server nor the page makes code or markup from text, nor reads from elsewhere."""
    folder = Path(serving.__file__).parent
    for path in folder.rglob("*.py"):
        assert not re.search(r"\b(eval|exec|compile|pickle|subprocess|__import__)\b", path.read_text("utf-8")), path
    pages = [path.read_text("utf-8") for path in (folder / "page").iterdir()]
    for text in pages:
        assert not re.search(r"\beval\b|new Function|innerHTML|outerHTML|document\.write|insertAdjacentHTML", text)
        assert not re.search(r"https?://|//cdn|@import", text)
        assert not re.search(r"\son[a-z]+=", text)


def test_it_listens_on_the_loopback_interface_alone() -> None:
    served = netsim.explore("digits", view=View(index=2))
    try:
        match = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/([\w-]{32,})/#(.+)", served.address)
        assert match
        assert served._socket.getsockname()[0] == "127.0.0.1"
        assert View.of_text(served.address) == View(index=2)
        with urllib.request.urlopen(served.address, timeout=60) as response:
            assert b"netsim" in response.read()
        with pytest.raises(netsim.NetsimError, match=f"port {match[1]}: .*in use; choose another"):
            netsim.explore(served.explorer.model, served.explorer.stimuli, port=int(match[1]))
        assert served.address in served._repr_html_()
    finally:
        served.close()
    with socket.socket() as free:
        assert free.connect_ex(("127.0.0.1", int(match[1])))


def test_a_view_of_no_stimulus_is_not_served() -> None:
    with pytest.raises(DataError, match=r"^index: is 360; there are stimuli 0 to 359$"):
        netsim.explore("digits", view=View(index=360))


def test_addresses_differ() -> None:
    served = [netsim.explore("digits") for _ in range(2)]
    tokens = {each.address.split("/")[3] for each in served}
    for each in served:
        each.close()
    assert len(tokens) == 2


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["explore", "digit"], "did you mean 'digits'"),
        (["explore", "digits", "--state", "nonsense"], "state"),
        (["explore", "digits", "--port", "99999"], "port"),
    ],
)
def test_wrong_commands_are_one_line(
    arguments: list[str], part: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from netsim.cli import main

    monkeypatch.setattr("sys.argv", ["netsim", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code
    error = capsys.readouterr().err
    assert part in error
    assert error.count("\n") == 1


def test_a_missing_extra_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(netsim.NetsimError, match="install the extra explore"):
        netsim.explore("digits")


@pytest.mark.skipif(os.name != "posix", reason="needs a program that ignores a signal from its start")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_background_server_ends_quietly(number: signal.Signals) -> None:
    def ignore() -> None:  # as shells start background programs
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    command = [sys.executable, "-m", "netsim", "explore", "digits"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=ignore
    ) as server:
        assert server.stdout is not None
        try:
            assert server.stdout.readline().startswith("http://")
            server.send_signal(number)
            _, errors = server.communicate(timeout=120)
        finally:
            server.kill()
    assert server.returncode == 0
    assert "Traceback" not in errors


INTERRUPTED = """
import signal, sys, threading
from netsim.cli import main
from netsim.exploring.serving import Serving

enter, wait = threading.Condition.__enter__, Serving.wait

def enter_and_interrupt(condition):
    taken = enter(condition)
    if threading.current_thread() is threading.main_thread():
        threading.Condition.__enter__ = enter
        signal.raise_signal(signal.SIGINT)
    return taken

def wait_and_interrupt(serving):
    threading.Condition.__enter__ = enter_and_interrupt
    wait(serving)

Serving.wait = wait_and_interrupt
sys.argv = ["netsim", "explore", "digits"]
main()
"""


def test_a_signal_that_comes_when_a_lock_is_taken_ends_the_server() -> None:
    ended = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr
