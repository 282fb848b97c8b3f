"""Measure how plain pages and docstrings are. The exit code is 1 if a measure exceeds its limit.

The argument ``--list`` prints the sentences that count.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
MEASURES = ("words a sentence", "% over 25 words", "% inverted", "idioms in 1,000 words", "semicolons in 100 sentences")
LIMITS = {"pages": (16, 12, 2, 1, 6), "docstrings": (14, 12, 2, 1, 5)}

_SKIPPED = re.compile(r"(^|/)(tests?|licen[cs]es?)(/|\.|$)|CHANGELOG|dependencies\.md", re.IGNORECASE)
_INVERTED = re.compile(r"(Of|What|Where|That|Who|Whoever|Whatever|Whether|From|By|To \w+ .{3,40} (is|are|takes?)) ")
_IDIOMS = re.compile(
    r"\b(so (many|much)|(that|those) of|of (its|your|their) own|beside|(is|are) (told|said)|nobody|whoever|goe?s? on"
    r"|comes to|come to nothing|in place of|but for|stands? (in|beside)|holds it|no more than one|of which"
    r"|the (latter|former)|by what|from when on|pass(es)? by|hands? (on|over|back)|gives? back)\b",
    re.IGNORECASE,
)


def texts(kind: str) -> Iterator[tuple[str, str]]:
    """Yield the prose of all pages, or of all docstrings, with the name of the file."""
    listed = ["git", "-C", str(ROOT), "ls-files", "*.md" if kind == "pages" else "*.py"]
    for name in subprocess.run(listed, capture_output=True, text=True, check=True).stdout.splitlines():
        if _SKIPPED.search(name) or not (ROOT / name).is_file():
            continue
        text = (ROOT / name).read_text("utf-8")
        if kind == "pages":
            text = re.sub(r"(?ms)^(```|~~~).*?^\1", "", text)
            text = re.sub(r"(?m)^(\||\s*[-=~^]{3,}|    |:|!\[|<|#|>).*$", "", text)
            yield name, re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text)
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                docstring = ast.get_docstring(node) or ""
                yield name, re.split(r"\n(?:Parameters|Returns|Examples|References|Raises|Attributes)\b", docstring)[0]


def measure(kind: str, shows: bool = False) -> list[float]:
    """Return the values of `MEASURES` for all sentences of at least four words."""
    sums, words, count = [0, 0, 0, 0], 0, 0
    for name, text in texts(kind):
        for block in re.split(r"\n\s*\n|\n\s*[-*] ", text):
            line = re.sub(r"``?[^`]*``?", "code", re.sub(r"\s+", " ", block)).strip()
            for sentence in re.split(r"(?<=[.!?:])\s+(?=[A-Z`*\[])", line):
                if (length := len(re.findall(r"[A-Za-z][A-Za-z'-]*", sentence))) < 4:
                    continue
                inverted, idioms = int(bool(_INVERTED.match(sentence))), len(_IDIOMS.findall(sentence))
                counted = [int(length > 25), inverted, idioms, sentence.count(";")]
                sums, words, count = [a + b for a, b in zip(sums, counted, strict=True)], words + length, count + 1
                if shows and any(counted):
                    print(f"{name}: {counted} {sentence}")
    long, turned, private, semicolons = (100 * each / count for each in sums)
    return [words / count, long, turned, 10 * private * count / words, semicolons]


if __name__ == "__main__":
    exceeded = False
    for kind, limits in LIMITS.items():
        for name, value, limit in zip(MEASURES, measure(kind, "--list" in sys.argv), limits, strict=True):
            print(f"{kind}: {name}: {value:.1f}, at most {limit}")
            exceeded |= value > limit
    sys.exit(exceeded)
