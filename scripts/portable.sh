#!/usr/bin/env bash
# Checks on Linux what other systems need: the types of the package on Windows and macOS, then the quick tests without
# the services that those systems lack (tests/other_systems). Arguments go to pytest.
set -euo pipefail
EXTRAS=test source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

rm -rf build
python -m pip install --quiet --disable-pip-version-check --no-deps --target build/typed .
for platform in win32 darwin; do
    (cd build/typed && mypy --config-file ../../setup.cfg --platform "$platform" --no-warn-unused-ignores netsim)
done
export PYTHONPATH=$PWD/tests/other_systems${PYTHONPATH:+:$PYTHONPATH}
pytest --numprocesses auto --maxprocesses 4 --dist worksteal -m "not slow and not nightly" "$@"
