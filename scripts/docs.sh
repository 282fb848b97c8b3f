#!/usr/bin/env bash
# Builds the documentation into docs/_build/html; a warning stops it, and a link within the pages that leads nowhere is one.
# Then the examples of docstrings are run. `scripts/docs.sh --outside` asks the servers of links to elsewhere as well.
set -euo pipefail
EXTRAS=test source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

python -m sphinx --fail-on-warning --keep-going --quiet --jobs 2 -b html docs docs/_build/html
python -m pytest --quiet tests/public/test_lazy.py
if [ "${1:-}" = --outside ]; then
    python -m sphinx --quiet -b linkcheck docs docs/_build/linkcheck
fi
echo "Documentation: $PWD/docs/_build/html/index.html"
