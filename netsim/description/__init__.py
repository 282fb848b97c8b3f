"""Model description tables of a network as Markdown or LaTeX, made from its specification."""

from netsim.description.document import Description, Table
from netsim.description.latex import to_latex
from netsim.description.markdown import to_markdown
from netsim.description.tables import describe

__all__ = ["Description", "Table", "describe", "to_latex", "to_markdown"]
