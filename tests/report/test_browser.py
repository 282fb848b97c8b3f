"""A report in headless Chromium: nothing fails, everything is shown, narrow or wide, light or dark, and on paper."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright (pip install playwright)")
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_CHROMIUM = next(filter(None, map(shutil.which, _NAMES)), None)
pytestmark = pytest.mark.skipif(_CHROMIUM is None, reason="needs Chromium on this machine")

_FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=_FLAGS)
        yield browser
        browser.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_screens(made: Any, chromium: Any, width: int, scheme: str) -> None:
    complaints: list[str] = []
    requested: list[str] = []
    page = chromium.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme, offline=True)
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.on("requestfailed", lambda request: complaints.append(request.url))
    page.on("request", lambda request: requested.append(request.url))
    page.goto(made.page.as_uri())

    assert complaints == []
    assert [url for url in requested if not url.startswith("data:")] == [made.page.as_uri()]
    shown = page.evaluate("[...document.images].map(i => [i.naturalWidth, i.width, i.currentSrc === i.src])")
    assert len(shown) == 11
    assert all(natural > 100 and drawn > 300 for natural, drawn, _ in shown)
    assert sum(not is_first for _, _, is_first in shown) == (4 if width == 400 else 0)
    # nothing but the tables, which scroll by themselves, is wider than the window
    assert page.evaluate("document.documentElement.scrollWidth") == width
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (max(map(int, background[4:-1].split(","))) < 64) == (scheme == "dark")
    sizes = "[...document.querySelectorAll('body *:not(math *)')].map(e => parseFloat(getComputedStyle(e).fontSize))"
    assert min(page.evaluate(sizes)) >= 12
    page.close()


def test_paper(made: Any, chromium: Any) -> None:
    page = chromium.new_page(color_scheme="dark", offline=True)
    page.goto(made.page.as_uri())
    page.emulate_media(media="print")
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == "rgb(255, 255, 255)"
    content = page.pdf(prefer_css_page_size=True)
    assert content.startswith(b"%PDF-")
    assert 5 <= content.count(b"/Type /Page\n") + content.count(b"/Type /Page ") <= 14
    page.close()
