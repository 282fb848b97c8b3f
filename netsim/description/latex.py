"""Descriptions as LaTeX: a complete document for two runs of pdflatex, with tables that may span pages."""

import re
from collections.abc import Sequence

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
\usepackage{caption}
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
% between rows that stay on one page
\newcommand{\keptrule}{\noalign{\nobreak\vskip\aboverulesep\nobreak\hrule height\lightrulewidth
  \nobreak\vskip\belowrulesep\nobreak}}
\newcommand{\headings}{}
\setlength{\LTcapwidth}{\textwidth}
\captionsetup{labelfont=bf, labelsep=quad, justification=raggedright, singlelinecheck=false, skip=3pt}
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
# Characters beyond ASCII that pdflatex supports, in the encoding T1 and in mathematics; others become code points.
_LATIN = {chr(code) for code in range(0xA1, 0x180)} - set("¸ĦħĸĿŀŉŦŧſ") | set("–—‘’“”…€")
_SYMBOLS = r"""
α \alpha β \beta γ \gamma δ \delta ε \varepsilon ζ \zeta η \eta θ \theta ι \iota κ \kappa λ \lambda μ \mu ν \nu ξ \xi
π \pi ρ \rho σ \sigma τ \tau υ \upsilon φ \varphi χ \chi ψ \psi ω \omega Γ \Gamma Δ \Delta Θ \Theta Λ \Lambda Ξ \Xi
Π \Pi Σ \Sigma Φ \Phi Ψ \Psi Ω \Omega − - ≤ \leq ≥ \geq ≈ \approx → \to ∞ \infty
""".split()  # noqa: SIM905
_MATHEMATICAL = dict(zip(_SYMBOLS[::2], _SYMBOLS[1::2], strict=True))
# LaTeX joins two of them in a row into one sign.
_JOINED = re.compile(r"([-',])(?=\1)")
# Longer words may be broken, preferably after a separator, so that they fit their column.
_LONGEST_WORD, _LONGEST_NAME = 40, 12
_SEPARATED = re.compile(r"(?<=[/_:-])")
_BREAK = r"\allowbreak{}"
_NUMBER = re.compile(r"\$?(-?\d[\d,]*)(?:\.\d+)?\$?")


def to_latex(description: Description) -> str:
    """Return the LaTeX text of a `Description`.

    Parameters
    ----------
    description : Description

    Returns
    -------
    str

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
    head = r"\toprule"
    if not table.is_labelled:
        headings = " & ".join(map(_inline, table.headings))
        head = rf"\rowcolor[gray]{{0.85}} \headstrut {headings} \\ \addlinespace[2pt]"
    columns = zip(*([_cell(cell) for cell in row] for row in table.rows), strict=True)
    rows = [*zip(*map(_aligned, columns), strict=True)]
    title = _inline(table.title)
    return "\n".join([
        rf"\renewcommand{{\thetable}}{{{table.letter}}}",
        rf"\renewcommand{{\headings}}{{{head}}}",
        rf"\begin{{longtable}}{{{''.join(f'P{{{share:g}}}' for share in table.shares)}}}",
        rf"\caption{{{title}}}\label{{tab:{table.letter}}} \\ \headings \endfirsthead",
        rf"\caption[]{{{title}, continued}} \\ \headings \endhead",
        *(_row(table, number, row) for number, row in enumerate(rows)),
        r"\end{longtable}",
    ])  # fmt: skip


def _cell(cell: str) -> str:
    return "\\newline\n".join(map(_inline, cell.split("\n")))


def _aligned(column: Sequence[str]) -> list[str]:
    """Return the cells of a column, with numbers aligned at their decimal points."""
    numbers = [_NUMBER.fullmatch(cell) for cell in column]
    longest = max((match[1] for match in numbers if match), key=len, default="")
    # all digits have the same width
    missing = ["" if match is None else longest[: len(longest) - len(match[1])] for match in numbers]
    return [rf"\phantom{{{before}}}{cell}" if before else cell for before, cell in zip(missing, column, strict=True)]


def _row(table: Table, number: int, cells: Sequence[str]) -> str:
    """Return a row with the rule below it. The first two and the last two rows stay on a page."""
    first, *others = cells
    text = "\n& ".join([rf"\textbf{{{first}}}" if table.is_labelled else first, *others])
    last = len(table.rows) - 1
    if number == last:
        return rf"{text} \\ \bottomrule"
    return rf"{text} \\* \keptrule" if number in (0, last - 1) else rf"{text} \\ \midrule"


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
