"""Descriptions as LaTeX: a document of its own that pdflatex compiles, with tables that may span pages."""

import re
from collections.abc import Iterable

from netsim.description.document import Description, Table, pieces

_BEGIN = r"""\documentclass[10pt,a4paper]{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{lmodern}
\usepackage[margin=20mm]{geometry}
\usepackage{amsmath}
\usepackage{array}
\usepackage{booktabs}
\usepackage{longtable}
\usepackage[table]{xcolor}
\setlength{\parindent}{0pt}
\setlength{\parskip}{4pt}
\setlength{\tabcolsep}{3pt}
\setlength{\LTleft}{0pt}
\setlength{\LTright}{\fill}
\setlength{\LTpost}{2pt}
\setlength{\aboverulesep}{2pt}
\setlength{\belowrulesep}{2pt}
\setlength{\lightrulewidth}{0.3pt}
% lines of a cell that hold tall equations keep apart
\setlength{\lineskip}{3pt}
\setlength{\lineskiplimit}{2pt}
\newcolumntype{P}[1]{>{\raggedright\arraybackslash}p{\dimexpr#1\linewidth-2\tabcolsep\relax}}
\newcommand{\headstrut}{\rule[-0.8ex]{0pt}{3ex}}
\begin{document}
\small
"""

_SPECIAL = {character: rf"\{character}" for character in "{}$&#%_"} | {
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
}
# What pdflatex has beyond ASCII, in the encoding T1 and in mathematics; others are written as their code points.
_LATIN = {chr(code) for code in range(0xA1, 0x180)} - set("¸ĦħĸĿŀŉŦŧſ") | set("–—‘’“”…€")
_SYMBOLS = r"""
α \alpha β \beta γ \gamma δ \delta ε \varepsilon ζ \zeta η \eta θ \theta ι \iota κ \kappa λ \lambda μ \mu ν \nu ξ \xi
π \pi ρ \rho σ \sigma τ \tau υ \upsilon φ \varphi χ \chi ψ \psi ω \omega Γ \Gamma Δ \Delta Θ \Theta Λ \Lambda Ξ \Xi
Π \Pi Σ \Sigma Φ \Phi Ψ \Psi Ω \Omega − - ≤ \leq ≥ \geq ≈ \approx → \to ∞ \infty
""".split()  # noqa: SIM905
_MATHEMATICAL = dict(zip(_SYMBOLS[::2], _SYMBOLS[1::2], strict=True))
# Two of them in a row would be joined into one sign.
_JOINED = re.compile(r"([-',])(?=\1)")
# Longer ones may be broken, after a separator or else anywhere, so that nothing runs over the edge of its column.
_LONGEST_WORD, _LONGEST_NAME = 40, 12
_SEPARATED = re.compile(r"(?<=[/_:-])")
_BREAK = r"\allowbreak{}"


def to_latex(description: Description) -> str:
    """The LaTeX text of a `Description`.

    Examples
    --------
    >>> import netsim
    >>> text = netsim.to_latex(netsim.describe(netsim.load_preset("digits")))
    >>> "Model summary" in text
    True
    """
    blocks = [rf"\section*{{{_inline(description.title)}}}", _inline(description.introduction)]
    for table in description.tables:
        blocks += [_table(table), *map(_inline, table.notes)]
    return _BEGIN + "\n\n".join(blocks) + "\n\\end{document}\n"


def _table(table: Table) -> str:
    title = rf"{table.letter}\quad {_inline(table.title)}"
    before = table.shares[:-1]
    # in the last cell, for a title that spans columns would take longtable two runs to measure
    head = [
        rf"\rowcolor{{black}} {'& ' * len(before)}\hspace*{{-{sum(before):g}\textwidth}}"
        rf"\rlap{{\headstrut\color{{white}}\bfseries {title}}} \\"
    ]
    if not table.is_labelled:
        headings = " & ".join(map(_inline, table.headings))
        head.append(rf"\rowcolor[gray]{{0.85}} \headstrut {headings} \\")
    return "\n".join([
        rf"\begin{{longtable}}{{{''.join(f'P{{{share:g}}}' for share in table.shares)}}}",
        *head,
        r"\addlinespace[3pt] \endhead",
        "\\midrule\n".join(_row(table, cells) for cells in table.rows) + r"\bottomrule",
        r"\end{longtable}",
    ])  # fmt: skip


def _row(table: Table, cells: Iterable[str]) -> str:
    first, *others = ("\\newline\n".join(map(_inline, cell.split("\n"))) for cell in cells)
    return "\n& ".join([rf"\textbf{{{first}}}" if table.is_labelled else first, *others]) + " \\\\\n"


def _inline(markup: str) -> str:
    written = {"text": _text, "math": "${}$".format, "name": lambda name: rf"\texttt{{{_word(name, _LONGEST_NAME)}}}"}
    return "".join(written[sort](content) for sort, content in pieces(markup))


def _text(text: str) -> str:
    return "".join(_word(word, _LONGEST_WORD) for word in re.split(r"(\s+)", text))


def _word(word: str, longest: int) -> str:
    if len(word) <= longest:
        return _JOINED.sub(r"\1{}", "".join(map(_character, word)))
    parts = _SEPARATED.split(word)
    return _BREAK.join(
        _BREAK.join(map(_character, part)) if len(part) > longest else _word(part, longest) for part in parts
    )


def _character(character: str) -> str:
    if character.isascii():
        return _SPECIAL.get(character, character)
    if character in _MATHEMATICAL:
        return rf"\ensuremath{{{_MATHEMATICAL[character]}}}"
    return character if character in _LATIN else f"[U+{ord(character):04X}]"
