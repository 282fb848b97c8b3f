"""A page of sections with text, tables and pictures, as Markdown and as one HTML file that needs nothing else."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from netsim.reporting.page import environment
from netsim.reporting.tables import Table


@dataclass(frozen=True)
class Listing:
    """Points of a list."""

    points: tuple[str, ...]


@dataclass(frozen=True)
class Code:
    """A command or a program, letter by letter."""

    text: str


@dataclass(frozen=True)
class Drawing:
    """A picture next to the page, and its content."""

    file: str
    png: bytes
    caption: str
    alt: str

    @property
    def uri(self) -> str:
        """The picture as a ``data:`` URI."""
        return f"data:image/png;base64,{base64.b64encode(self.png).decode('ascii')}"


Block = str | Table | Listing | Code | Drawing
"""A part of a section; text is a paragraph."""


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it."""

    title: str
    blocks: Sequence[Block]

    @property
    def anchor(self) -> str:
        """The name by which links refer to it."""
        return self.title.lower().replace(" ", "-")


@dataclass(frozen=True)
class Article:
    """A page."""

    kicker: str
    title: str
    description: str
    badge: str
    """A word next to the description, such as a verdict."""
    cautions: tuple[str, ...]
    sections: Sequence[Section]
    generator: str


def to_html(article: Article) -> str:
    """Return the article as HTML. Text from outside is text in it, never markup."""
    kinds = {"paragraph": str, "table": Table, "listing": Listing, "code": Code, "drawing": Drawing}
    sorts = {cls: name for name, cls in kinds.items()}
    return environment().get_template("article.html").render(article=article, sort=lambda block: sorts[type(block)])


def to_markdown(article: Article) -> str:
    """Return the article as Markdown. Its pictures are files in the same folder."""
    parts = [f"# {article.title}", article.description, f"**{article.badge}**"]
    parts += [f"> {caution}" for caution in article.cautions]
    for section in article.sections:
        parts += [f"## {section.title}", *map(_markdown, section.blocks)]
    return "\n\n".join([*parts, f"*{article.generator}*"]) + "\n"


def _markdown(block: Block) -> str:
    if isinstance(block, Table):
        aligned = ("---:" if heading.endswith(">") else "---" for heading in block.headings)
        rows = [[heading.rstrip(">") for heading in block.headings], aligned, *block.rows]
        return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows)
    if isinstance(block, Listing):
        return "\n".join(f"- {point}" for point in block.points)
    if isinstance(block, Code):
        return f"```console\n{block.text}\n```"
    if isinstance(block, Drawing):
        return f"![{block.alt}]({block.file})\n\n*{block.caption}*"
    return block
