"""Write one example per figure, analysis, study and experiment, from the registries, for sphinx-gallery.

A new entry of a registry has its example, thumbnail and page without another edit. The build runs the examples, except
experiments, which take minutes. Examples need no download: they use two small networks that the build trains once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from sphinx.application import Sphinx

from netsim.experiments.notebook import write_notebook
from netsim.experiments.settings import make_experiment
from netsim.seams import analyses, experiments, figures, studies

NOTEBOOKS = "/gallery/_examples/notebooks"
"""Folder of the notebooks of experiments, from the source of the site."""

_RUN = 'model = netsim.load_model("runs/digits-seed0")  # made by: netsim train digits'
_MAPS = 'model = netsim.load_model("runs/maps")  # a convolution of 8 maps, then 10 outputs'

_CHIRP = """import numpy as np

model = netsim.load_preset("spoken-digits")
time = np.arange(4000) / 8000
chirp = np.sin(2 * np.pi * (300 + 1500 * time) * time)
encoder = model.encoder
stimuli = netsim.Stimuli(encoder.prepare([chirp]), np.array([-1]), None, encoder)"""

_SUBJECTS = {
    "lesion-maps": _MAPS,
    "kernels": _MAPS,
    "network": 'model = netsim.load_preset("ei-mnist")',
    "sound": _CHIRP,
}
"""Models of the examples that do not use the run of ``digits``."""

_OPTIONS = {
    "raster": "presentation=3",
    "sound": "stimuli=stimuli",
    "potentials": "presentation=3",
    "kernels": 'layer="maps"',
    "errors": "count=9",
    "information": "shuffles=20",
    "importance": "sample=100",
    "trajectories": 'populations=["hidden"]',
}
"""Further arguments of single examples."""


@dataclass(frozen=True)
class _Section:
    name: str
    singular: str
    title: str
    introduction: str
    registry: Any

    def examples(self) -> Iterator[tuple[str, str]]:
        for name in self.registry:
            yield name, getattr(self, f"_{self.name}")(name)

    def _figures(self, name: str) -> str:
        options = f", {_OPTIONS[name]}" if name in _OPTIONS else ""
        entry = self.registry[name]
        return _program(
            name,
            entry.summary,
            f"netsim plot {name} RUN",
            f'{_subject(name)}\ndrawn = netsim.plot(model, "{name}"{options})',
            "drawn.table.head()",
        )

    def _analyses(self, name: str) -> str:
        entry = self.registry[name]
        options = f", {_OPTIONS[name]}" if name in _OPTIONS else ""
        given = f"{_subject(name)}\nspikes = netsim.present(model)\n"
        if entry.needs_other:
            given += 'lesioned = netsim.present(model, disturbance=("lesion-neurons", 0.5))\n'
            call = f'result = netsim.analyse(lesioned, "{name}", against=spikes{options})\n'
        else:
            subject = "model" if entry.takes("model") else "spikes"
            given = given if subject == "spikes" else f"{_subject(name)}\n"
            call = f'result = netsim.analyse({subject}, "{name}"{options})\n'
        return _program(
            name, entry.summary, f"netsim analyse {name} RUN", given + call + "result.figure()", "result.table.head()"
        )

    def _studies(self, name: str) -> str:
        code = f"""{_subject(name)}
table = netsim.study(model, "{name}", seeds=range(3))
netsim.analysis.study_panels(table)"""
        return _program(name, self.registry[name].summary, f"netsim study {name} RUN", code, "table.head()")

    def _experiments(self, name: str) -> str:
        entry = self.registry[name]
        code = f"""result = netsim.experiment("{name}", quick=True)
result.figure()"""
        note = (
            f"With ``quick`` it takes {entry.quick_duration}, otherwise {entry.duration}. The picture is of the run"
            f" that :doc:`/howto/experiments` describes. This :download:`notebook <{NOTEBOOKS}/{name}.ipynb>` has all"
            f" settings, to copy and change; ``netsim experiment {name} --notebook FILE`` writes it, too.\n\n"
            f".. image:: /howto/experiments/{name}.png\n\n{_settings(name)}"
        )
        program = _program(name, entry.question, f"netsim experiment {name}", code, "result.table.head()", note)
        return f"{program}\n# sphinx_gallery_thumbnail_path = 'howto/experiments/{name}.png'\n"


_SECTIONS = (
    _Section("figures", "figure", "Figures", "Every figure of ``netsim plot``.", figures),
    _Section(
        "analyses", "analysis", "Analyses", "Every analysis of ``netsim analyse``: a table and a figure.", analyses
    ),
    _Section("studies", "study", "Studies", "Every perturbation of ``netsim study``.", studies),
    _Section("experiments", "experiment", "Experiments", "Every experiment of ``netsim experiment``.", experiments),
)


def _subject(name: str) -> str:
    return _SUBJECTS.get(name, _RUN)


def _program(name: str, summary: str, command: str, code: str, table: str, note: str = "") -> str:
    summary = summary[0].upper() + summary[1:] + ("" if summary.endswith("?") else ".")
    more = f"\n\n{note}" if note else ""
    return f'''"""
{name}
{"=" * len(name)}

{summary} On the command line: ``{command}``.{more}
"""

import netsim

{code}

# %%
# The first rows of its table:

{table}
'''


def _settings(name: str) -> str:
    """Return a table of the settings of an experiment, in reStructuredText."""
    usual, quick = (make_experiment(name, quick=each).settings for each in (False, True))
    rows = [("``--set``", "default", "with ``--quick``")]
    rows += [(f"``{key}``", *(f"``{json.dumps(each[key])}``" for each in (usual, quick))) for key in usual]
    cells = "\n".join(f"   * - {row[0]}\n" + "\n".join(f"     - {cell}" for cell in row[1:]) for row in rows)
    return f".. list-table:: Settings\n   :header-rows: 1\n\n{cells}"


def write_notebooks(folder: Path) -> None:
    """Write the notebook of every experiment with the settings of ``--quick``, anew."""
    for name in experiments:
        path = folder / f"{name}.ipynb"
        path.unlink(missing_ok=True)
        write_notebook(make_experiment(name, quick=True), path, quick=True)


def write_examples(folder: Path) -> None:
    """Write the examples of every section into a folder of its own, and the notebooks of experiments."""
    write_notebooks(folder / Path(NOTEBOOKS).name)
    for section in _SECTIONS:
        into = folder / section.name
        into.mkdir(parents=True, exist_ok=True)
        run = "show" if section.name == "experiments" else "plot"  # experiments take minutes
        texts = {f"{run}_{section.singular}_{name.replace('-', '_')}.py": text for name, text in section.examples()}
        texts["GALLERY_HEADER.rst"] = f"{section.title}\n{'=' * len(section.title)}\n\n{section.introduction}\n"
        for old in set(into.glob("*.*")) - {into / name for name in texts}:
            old.unlink()
        for name, text in texts.items():
            path = into / name
            if not path.exists() or path.read_text("utf-8") != text:
                path.write_text(text, encoding="utf-8")


def _train(app: Sphinx) -> None:
    """Train the two networks of the examples, once."""
    import dataclasses

    import netsim

    examples = Path(app.srcdir) / "gallery" / "_examples"
    runs = examples / "runs"
    if not (runs / "digits-seed0").exists():
        netsim.train("digits", runs / "digits-seed0")
    if not (runs / "maps").exists():
        digits = netsim.load_preset("digits")
        maps = netsim.Neurons("phased", threshold=1.0, tau=16.0, onset=16.0, end=48.0, drive=1.0, bias=True)
        layers = [netsim.Layer("maps", netsim.Convolution(8, 3), maps), digits.layers()[-1]]
        training = dataclasses.replace(digits.training, epochs=3)
        netsim.train(dataclasses.replace(digits.with_layers(layers), name="maps", training=training), runs / "maps")
    for section in _SECTIONS:
        link = examples / section.name / "runs"
        if not link.exists():
            link.symlink_to("../runs", target_is_directory=True)


def for_screens(gallery_conf: Mapping[str, Any], name: str) -> None:
    """Draw the pictures of an example with as many pixels as sharp screens need."""
    matplotlib.rcParams["savefig.dpi"] = 200


def settings(source: Path) -> dict[str, Any]:
    """The settings of sphinx-gallery."""
    names = [section.name for section in _SECTIONS]
    return {
        "examples_dirs": [str(source / "gallery" / "_examples" / name) for name in names],
        "gallery_dirs": [f"gallery/{name}" for name in names],
        "within_subsection_order": "FileNameSortKey",
        "reset_modules": ("matplotlib", "gallery_examples.for_screens"),
        "abort_on_example_error": True,
        "download_all_examples": False,
        "show_memory": False,
        "capture_repr": ("_repr_html_",),
        "show_signature": False,
        "min_reported_time": 1e9,
        "copyfile_regex": "^$",
        "remove_config_comments": True,
    }


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect to the build."""
    app.connect("builder-inited", _train, priority=1)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
