#!/usr/bin/env bash
# Installs netsim into .venv, trains a small network on the Brian2 engine, tests it once, and draws a raster.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

run=runs/quickstart-$(date +%Y%m%d-%H%M%S)-$$
echo "Training the preset 'digits' on the Brian2 engine ..."
netsim train digits --engine brian2 --seed 1 --out "$run"
echo
netsim evaluate "$run"
netsim simulate "$run" --index 0 --record hidden:0 --record output:0
echo
echo "Raster of the first test stimulus: $PWD/$run/simulation/raster-0.png"
