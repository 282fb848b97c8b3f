"""Measure `netsim explore` in a browser, or record its page.

    python scripts/explorer.py speed rcsnn-mnist ei-mnist [--changes 200]
    python scripts/explorer.py record docs/howto/explore/page.gif

Needs the extras `explore` and `sweep`, playwright and Chromium.
"""

from __future__ import annotations

import io
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import typer

app = typer.Typer(add_completion=False, help=__doc__, rich_markup_mode=None)
CHANGES = {"contrast": (0.5, 1.5), "spike jitter": (0.0, 8.0), "weight noise": (0.0, 0.4)}
"""Sliders, and the values between which they move."""
DRAWN = """async ([name, values]) => {
  const slider = [...document.querySelectorAll(".slider")].find((each) => each.textContent.startsWith(name));
  const input = slider.querySelector("input"), times = [];
  for (const value of values) {
    const drawn = new Promise((done) => new MutationObserver((_, self) => {
      self.disconnect();
      requestAnimationFrame(() => done());
    }).observe(document.body, { attributeFilter: ["data-shown"] }));
    const start = performance.now();
    input.value = value;
    input.dispatchEvent(new Event("input"));
    await drawn;
    times.push(performance.now() - start);
  }
  return times;
}"""


@contextmanager
def opened(name: str, **how: Any) -> Iterator[tuple[Any, psutil.Process, float]]:
    """Open the page of a model. Return the page, the server's process, and the seconds until it was usable."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page, command = browser.new_page(**how), [sys.executable, "-m", "netsim", "explore", name]
        page.set_default_timeout(600_000)  # for busy machines
        start = time.perf_counter()
        served = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            assert served.stdout is not None
            page.goto(served.stdout.readline().strip())
            page.wait_for_selector("body[data-shown]")
            yield page, psutil.Process(served.pid), time.perf_counter() - start
        finally:
            served.terminate()
            served.wait()


@app.command()
def speed(names: list[str], changes: int = 200) -> None:
    """Print the time from the input of a slider to its drawn answer, and memory before and after."""
    for name in names:
        with opened(name) as (page, process, ready):
            print(f"{name}: usable after {ready:.1f} s, load {os.getloadavg()[0]:.1f}")
            for slider, (low, high) in CHANGES.items():
                values = [low + (high - low) * (k * 0.618 % 1) for k in range(changes + 10)]
                page.evaluate(DRAWN, [slider, values[:10]])
                before = process.memory_info().rss / 1e6
                times = sorted(page.evaluate(DRAWN, [slider, values[10:]]))
                heap = page.evaluate("performance.memory.usedJSHeapSize / 1e6")
                print(
                    f"  {slider}: median {statistics.median(times):.0f} ms, 95 % {times[int(0.95 * changes)]:.0f} ms,"
                    f" memory {before:.0f} to {process.memory_info().rss / 1e6:.0f} MB, of the page {heap:.0f} MB,"
                    f" load {os.getloadavg()[0]:.1f}",
                    flush=True,
                )


@app.command()
def record(path: Path) -> None:
    """Record the page as an animation: stimuli, time, jitter, who decides, and pixels that turn a 4 into a 9."""
    from PIL import Image

    frames: list[tuple[Image.Image, int]] = []
    with opened("rcsnn-mnist", viewport={"width": 1000, "height": 660}) as (page, _, _):

        def shoot(duration: int) -> None:
            page.wait_for_selector("body[data-busy=false]")
            shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
            frames.append((shot.quantize(48, dither=Image.Dither.NONE), duration))

        shoot(1200)
        page.select_option("#label", "4")
        shoot(1200)
        for time_shown in range(0, 840, 70):
            page.evaluate(f"cursor.value = {time_shown}; cursor.dispatchEvent(new Event('input'))")
            shoot(90)
        page.evaluate(DRAWN, ["spike jitter", [2.0, 5.0]])
        shoot(1500)
        page.click("#reset")
        page.click("#menu >> text=Who decides")
        page.click("#decide")
        page.wait_for_selector("#deciders button")
        shoot(2500)
        page.click("#menu >> text=Try each")
        page.select_option("#rival", "9")
        page.click("#try")
        page.wait_for_selector("#effects li")
        shoot(1800)
        for _ in range(12):
            page.click("#effects > button")
            shoot(700)
            if not page.inner_text("#decision").startswith("decides 4"):
                break
            page.click("#try")
            page.wait_for_selector("#outcome:has-text('one at a time')")
        page.evaluate("scrollTo(0, 0)")
        shoot(2500)
    images, durations = zip(*frames, strict=True)
    images[0].save(path, save_all=True, append_images=images[1:], duration=durations, loop=0, optimize=True)


if __name__ == "__main__":
    app()
