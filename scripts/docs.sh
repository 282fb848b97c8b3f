#!/usr/bin/env bash
# Build the documentation into docs/_build/html. Warnings stop the build, also for broken links between pages.
# Before it, measure how plain pages and docstrings are. After it, run the examples in docstrings.
# `scripts/docs.sh --outside` also checks links to other sites.
set -euo pipefail
EXTRAS=test source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

python scripts/prose.py
python -m sphinx --fail-on-warning --keep-going --quiet --jobs 2 -b html docs docs/_build/html
python -m pytest --quiet tests/public/test_lazy.py
if [ "${1:-}" = --outside ]; then
    python -m sphinx --quiet -b linkcheck docs docs/_build/linkcheck
fi
echo "Documentation: $PWD/docs/_build/html/index.html"
