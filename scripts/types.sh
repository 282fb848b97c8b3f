#!/usr/bin/env bash
# Check types. mypy reads an installed copy, because models/ and analysis/ are netsim.models and netsim.analysis only there.
set -euo pipefail
EXTRAS=test source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

rm -rf build
python -m pip install --quiet --disable-pip-version-check --no-deps --target build/typed .
cd build/typed
exec mypy --config-file ../../setup.cfg netsim ../../scripts ../../tests
