"""How Sphinx builds the documentation: ``scripts/docs.sh``."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

import gallery_examples
import public_reference

import netsim

project = "netsim"
author = "the netsim developers"
copyright = f"2026, {author}"
version = release = netsim.__version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "explorer_demo",
    "gallery_examples",
    "mathml",
    "public_reference",
]
html_math_renderer = "latex2mathml"
exclude_patterns = [
    "_build",
    "inventories",
    "gallery/_examples",
    *(f"gallery/*/*.{suffix}" for suffix in ("py", "ipynb", "zip", "json")),
    "**sg_execution_times.rst",
]
templates_path = ["_templates"]
default_role = "py:obj"  # what stands in backticks in a docstring
html_title = f"netsim {release}"

# pages; notebooks are kept with what they showed when they ran, tests run them anew
myst_enable_extensions = ["colon_fence", "dollarmath", "fieldlist"]
myst_heading_anchors = 3
nb_execution_mode = "off"
copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True

# gallery: one example per figure, analysis, study and experiment
_HERE = Path(__file__).parent
gallery_examples.write_examples(_HERE / "gallery" / "_examples")
sphinx_gallery_conf = gallery_examples.settings(_HERE)

# reference: one page an object
autosummary_generate = True
autodoc_typehints = "none"  # numpydoc's sections say types in words, with shapes and units
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
numpydoc_xref_param_type = True
numpydoc_xref_ignore = {"of", "or", "in", "optional", "default", "shape"}
numpydoc_xref_aliases = {
    "ndarray": "numpy.ndarray",
    "Generator": "numpy.random.Generator",
    "Figure": "matplotlib.figure.Figure",
    "Axes": "matplotlib.axes.Axes",
    "Path": "pathlib.Path",
    "mapping": "collections.abc.Mapping",
    "Constraint": "netsim.learning.Constraint",
    "Optimizer": "netsim.learning.Optimizer",
    "Targets": "netsim.learning.Targets",
    "Source": "netsim.analysis.Source",
    "netsim.specification.Network": "netsim.Network",
} | {name: f"netsim.{name}" for name in netsim.__all__ if name[0].isupper()}
numpydoc_xref_aliases |= {name.rpartition(".")[2]: name for name in public_reference.PASSED}

_SITES = {
    "python": "https://docs.python.org/3/",
    "numpy": "https://numpy.org/doc/stable/",
    "pandas": "https://pandas.pydata.org/docs/",
    "matplotlib": "https://matplotlib.org/stable/",
    "brian2": "https://brian2.readthedocs.io/en/stable/",
    "tonic": "https://tonic.readthedocs.io/en/latest/",
}
intersphinx_mapping = {name: (site, f"inventories/{name}.inv") for name, site in _SITES.items()}

html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_css_files = ["netsim.css"]
html_show_sourcelink = False
html_search_scorer = str(_HERE / "search_scorer.js")
html_sidebars = {page: [] for page in ("index", "search")}  # they have no pages below them
html_context = {"default_mode": "auto"}
html_theme_options = {
    "logo": {"text": html_title},
    "navbar_align": "left",
    "header_links_before_dropdown": 8,
    "secondary_sidebar_items": {"**": ["page-toc"], "index": []},
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
