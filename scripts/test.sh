#!/usr/bin/env bash
# Checks format, types and behaviour, in an environment of its own. Arguments go to pytest.
set -euo pipefail
EXTRAS=test source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

ruff format --check .
ruff check .
# mypy reads an installed copy, for models/ and analysis/ are netsim.models and netsim.analysis only there; it keeps one
# core busy for half a minute, and the tests begin on the others meanwhile
rm -rf build
python -m pip install --quiet --disable-pip-version-check --no-deps --target build/typed .
(cd build/typed && exec mypy --config-file ../../setup.cfg netsim ../../scripts ../../tests) >build/mypy.txt 2>&1 &
mypy=$!
failed=0
# a test that has waited for its neighbours' turn is taken by whichever process is free
pytest --numprocesses auto --maxprocesses 4 --dist worksteal --durations 20 "$@" || failed=$?
wait "$mypy" || failed=$?
cat build/mypy.txt
exit "$failed"
