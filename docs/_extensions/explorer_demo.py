"""The demo of the explorer: the page of `netsim explore` in one file, with stored answers instead of a server.

    python docs/_extensions/explorer_demo.py

trains `digits`, and stores the answers again.
"""

from __future__ import annotations

import base64
import gzip
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from netsim.exploring.serving import read_page

DEMO = "howto/explore/demo"


def demo(stored: bytes) -> str:
    """Return the page with its style, its scripts and compressed answers. It needs neither a server nor a network."""
    files = {name: content.decode() for name, content in read_page().items()}
    page, style = files.pop(""), files.pop("page.css")
    # scripts at data addresses import others by names of an import map
    scripts = {name: text.replace('"./', '"netsim/') for name, text in files.items()}
    addresses = {f"netsim/{name}": f"data:text/javascript;base64,{_encoded(text)}" for name, text in scripts.items()}
    parts = {
        '<link rel="stylesheet" href="page.css">': f"<style>\n{style}</style>",
        '<script type="module" src="page.js"></script>': f'<script type="text/plain" id="stored">{_encoded(stored)}'
        f'</script>\n<script type="importmap">{json.dumps({"imports": addresses})}</script>\n'
        '<script type="module">import "netsim/page.js";</script>',
    }
    for part, content in parts.items():
        assert page.count(part) == 1, part
        page = page.replace(part, content)
    return page


def _encoded(content: bytes | str) -> str:
    return base64.b64encode(content if isinstance(content, bytes) else content.encode()).decode()


def write(app: Any, error: Exception | None) -> None:
    """Write the demo into the built pages."""
    if error is None and app.builder.format == "html":
        stored = Path(app.srcdir, f"{DEMO}.json.gz").read_bytes()
        path = Path(app.outdir, f"{DEMO}.html")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(demo(stored), encoding="utf-8")


def setup(app: Any) -> dict[str, bool]:
    """Register the demo with Sphinx."""
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _short(number: str) -> float:
    return float(f"{float(number):.5g}")


def store(path: Path) -> None:
    """Train `digits`, and write the answers about one presentation of each class."""
    import numpy as np

    from netsim.exploring import Explorer

    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder, "digits-seed0")
        subprocess.run([sys.executable, "-m", "netsim", "train", "digits", "--out", run], check=True)
        explorer = Explorer(run, name="runs/digits-seed0")
    test = explorer.stimuli
    explorer.stimuli = test.pick(np.array([np.flatnonzero(test.labels == digit)[0] for digit in range(10)]))
    kept: dict[str, Any] = {"about:0": json.loads(explorer.ask("about", {}).content) | {"studies": []}}

    def ask(index: int, question: str, **given: Any) -> Any:
        content, kind = explorer.ask(question, {"view": {"index": index}} | given)
        answer = json.loads(content, parse_float=_short) if "json" in kind else _encoded(content)
        kept[":".join(map(str, (question, index, *given.values())))] = answer
        return answer

    for index in range(10):
        ask(index, "spikes")
        for layer, part in (("stimulus", "pixels"), ("hidden", "neurons"), ("output", "neurons")):
            ask(index, "effects", layer=layer, part=part)
        hidden = {each["neuron"] for each in ask(index, "deciding-neurons")["neurons"]}
        for neuron in range(10):
            ask(index, "shares", layer="output", neuron=neuron)
            hidden.update(ask(index, "causes", layer="output", neuron=neuron)["causes"][0]["neurons"][:15])
        for neuron in sorted(hidden):
            ask(index, "causes", layer="hidden", neuron=neuron)
        for neuron in range(64):
            ask(index, "causes", layer="stimulus", neuron=neuron)
    path.write_bytes(gzip.compress(json.dumps(kept, separators=(",", ":")).encode(), mtime=0))


if __name__ == "__main__":
    store(Path(__file__).parent.parent / f"{DEMO}.json.gz")
