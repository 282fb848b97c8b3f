#!/usr/bin/env bash
# Checks format, types and behaviour, in an environment of its own. Arguments go to pytest.
set -euo pipefail
EXTRAS=test source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

ruff format --check .
ruff check .
report=$(mktemp)
# types keep one core busy for half a minute, and the tests begin on the others meanwhile
scripts/types.sh >"$report" 2>&1 &
types=$!
failed=0
# a test that has waited for its neighbours' turn is taken by whichever process is free
# a test that hangs fails after 15 minutes, and pytest prints where it waited
pytest --numprocesses auto --maxprocesses 4 --dist worksteal --timeout 900 --durations 20 "$@" || failed=$?
wait "$types" || failed=$?
cat "$report"
rm -f "$report"
exit "$failed"
