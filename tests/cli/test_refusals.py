"""What commands refuse: one line that names the option and the remedy, an exit code that is not 0, and no new file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Netsim = Callable[..., Any]

REFUSED = """
train digit | digit | did you mean 'digits'
train nosuch.toml | nosuch.toml | cannot be read
train . | . | not a run folder
train | PRESET|FILE.toml | netsim train --help
nosuch | nosuch | netsim --help
train digits --nosuch | --nosuch | netsim train --help
train digits --dt abc | --dt | netsim train --help
train digits --dt -1 | --dt | not -1.0
train digits --dt nan | --dt | not nan
train digits --dt 17 | --dt | encoding window of 16.0 ms | smaller
train digits --dt 0 --engine brian2 | --dt | brian2 needs a time step
train digits --engine nest | --engine | event or brian2 | nest
train digits --epochs 2 --set training.epochs=3 | --epochs | leave one out
train digits --epochs 0 | --epochs
train digits --limit 0 | --limit
train digits --seed -1 | --seed
train digits --dataset mnst | mnst | did you mean 'mnist'
train digits --dataset nosuch/folder | nosuch/folder | no such folder
train mlp-mnist --data-dir nosuch | nosuch | no such folder
train digits --out RUN | exists already | --resume | --out
train digits --out RUN --resume | (limit 300, now by default; training.epochs 2, now 20) | --limit=300 | --resume
train digits --epochs 2 --limit 300 --seed 1 --out RUN --resume | other options
train digits --out RUN/run.json | exists already
train digits --out RUN/run.json/deeper | cannot be created
evaluate nosuch | nosuch | neither
evaluate . | . | not a run folder
evaluate RUN --split train | --split | 'test', 'validation' | netsim evaluate --help
evaluate RUN --dt 17 | --dt | encoding window
evaluate RUN --engine nest | --engine | nest
evaluate RUN --workers 2 --scheduler tcp://127.0.0.1:1 | --workers | --scheduler
sweep plan.toml --workers 2 --scheduler tcp://127.0.0.1:1 | --workers | --scheduler
evaluate RUN --workers 0 | --workers | netsim evaluate --help
data mnst | mnst | did you mean 'mnist'
data --fetch | --fetch | name
simulate RUN --index 360 | --index 360 | 0 to 359
simulate RUN --index -1 | --index
simulate RUN --index 3 --limit 3 | --limit | --index
simulate RUN --record nosuch:1 | nosuch | hidden, output
simulate RUN --record hidden:200 | hidden:200 | 0 to 199
simulate RUN --record hidden:x | hidden:x | LAYER:NEURON
simulate RUN --out RUN/run.json | run.json | cannot be created
simulate RUN --stimuli nosuch.csv | nosuch.csv | no such file
simulate RUN --stimuli spikes.txt | spikes.txt | cannot be read as spikes | .nwb
simulate RUN --stimuli own.csv --dataset digits | --stimuli | --dataset
simulate RUN --stimuli own.csv --index 1 | --index 1 | own.csv | 0 to 0
simulate RUN --stimuli own.csv | after the end of the presentation | 128.0 ms
compare RUN --dt 0 | dt | positive
compare RUN --dt -1 | --dt | not -1.0
compare RUN --dt 17 | dt | encoding window | smaller
describe | RUN|PRESET | netsim describe --help
describe digit | digit | did you mean 'digits'
describe digits --format html | --format html | markdown or latex
describe digits --out . | cannot be written
describe digits --out methods.docx | --out methods.docx | must end in .md, .txt or .tex
describe digits --out /proc/nosuch/a.md | /proc/nosuch | choose another
plot rasters RUN | rasters | did you mean 'raster'
plot raster digits --index 360 | stimulus 360 | 0 to 359
plot raster RUN --layer hidden | --layer | raster | group-raster, gradients and kernels
plot confusion RUN --index 0 | --index | confusion | raster, sound and potentials
plot latencies RUN --count 3 | --count | latencies | kernels and errors
plot kernels RUN --limit 5 | --limit | kernels, which presents no stimuli
plot learning RUN --dt 0.5 | --dt | learning, which presents no stimuli
plot network RUN --split validation | --split | network, which presents no stimuli
plot raster RUN --limit 5 | --limit | raster, which shows one presentation
plot raster RUN --width wide | --width wide | column (85 mm) or page (180 mm)
plot raster RUN --out a.docx | a.docx | png, svg, pdf
plot raster RUN --table a.xlsx | a.xlsx | .csv, .csv.gz or .parquet
plot potentials RUN --neuron hidden | --neuron hidden | LAYER:NEURON
plot potentials RUN --neuron hidden:200 | hidden:200 | 0 to 199
plot group-raster RUN --neuron hidden:1 --neuron output:1 | neurons | one layer
plot group-raster RUN --layer conv1 | conv1 | hidden, output
plot kernels RUN --layer output | output | without rows and columns
plot kernels RUN --channel 1 | channel 1 | hidden
plot learning digits | digits | no metrics
study spike-jiter RUN | spike-jiter | did you mean 'spike-jitter'
study spike-jitter | RUN|PRESET | netsim study --help
study spike-jitter RUN --level -1 | level -1 | from 0 to
study spike-jitter RUN --level x | --level | netsim study --help
study spike-jitter RUN --layer hidden | hidden | does not disturb single layers
study spike-jitter RUN --degradation noise | --degradation | only for degrade
study degrade RUN --layer hidden | --layer | use --degradation
study spike-jitter RUN --against RUN | --against | both groups
study lesion-maps RUN | lesion-maps | digits has no convolutions
study weight-bits RUN --seeds 3 | --seeds 3 | draws nothing at random
study weight-noise RUN --seeds 0 | --seeds | netsim study --help
study weight-noise RUN --seeds 1000000000 | --seeds | at most 10,000
study time-step RUN --dt 1 | --dt 1 | --level
study time-step RUN --level 17 | dt | encoding window
study weight-noise RUN --out RUN/run.json | run.json | cannot be created
export RUN --to pdf spikes.pdf | 'pdf' | nwb, sonata, neo, nirdata, csv, parquet
export digits a.nwb --to nwbb | 'nwbb' | did you mean 'nwb'?
export RUN --to csv spikes.nwb | spikes.nwb | *.csv or *.csv.gz
export RUN spikes.doc | spikes.doc: no spike format or network format has this suffix | .nwb
export RUN --to csv | PATH | netsim export --help
export RUN --to csv --layer hiden spikes.csv | hiden | hidden, output
export RUN --to csv RUN/run.json/spikes.csv | run.json | cannot be created
analyse nosuch digits | analysis 'nosuch': is not known
analyse psth digits --set bin_ms | --set bin_ms: must be KEY=VALUE
analyse psth digits --set bin=2 | setting bin: is not known; did you mean 'bin_ms'
analyse psth digits --against digits | --against: has no meaning for psth, only for similarity, comparison
analyse comparison digits | --against: is needed by comparison
analyse psth digits --palette nosuch | palette 'nosuch'
analyse psth digits yin-yang --width wide | --width wide: must be column
analyse psth digits yin-yang --label side | --label: has no meaning for several networks
analyse psth digits yin-yang --window 0 50 | --window: has no meaning for several networks
analyse psth own.csv --window 0 50 | --window: needs --event
analyse psth own.csv --engine event | --engine: has no meaning for own.csv, a file of spikes
analyse psth digits --out psth.txt | psth.txt
analyse psth nosuch.nwb | nosuch.nwb
experiment --quick | --quick: needs an experiment
"""


@pytest.mark.parametrize("line", REFUSED.strip().splitlines())
def test_refused(line: str, netsim: Netsim, run: Path) -> None:
    Path("own.csv").write_text("presentation,neuron,latency_ms\n0,20,128.5\n", encoding="utf-8")
    before = {path: path.read_bytes() for path in run.iterdir() if path.is_file()}
    arguments, *words = line.split(" | ")
    arguments = arguments.replace("RUN", str(run))
    netsim(*arguments.split()).refused(*words)
    assert {path: path.read_bytes() for path in run.iterdir() if path.is_file()} == before
    assert sorted(os.listdir()) == ["own.csv", "run"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("comparison digits --against initial", "was not trained from weights drawn here"),
        ("comparison digits --against lesion-neurons=7", "7"),
        ("comparison digits --against lesion-neurons=x", "must be STUDY=LEVEL with a number"),
        ("psth digits --layer nosuch", "nosuch"),
    ],
)
def test_refused_after_a_note_on_initial_weights(words: str, message: str, netsim: Netsim) -> None:
    done = netsim("analyse", *words.split())
    assert (done.code, done.out, os.listdir()) == (1, "", [])
    note, error = done.err.splitlines()
    assert note == "digits: has no trained weights; initial weights of seed 0 are used, without a fit"
    assert message in error
