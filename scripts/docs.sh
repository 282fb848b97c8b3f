#!/usr/bin/env bash
# Measure how plain pages and docstrings are, and build the documentation into docs/_build/html. A warning stops the build,
# also for a broken link between pages. Installs the extra `docs` alone, unless the environment has the extra `test`.
# `scripts/docs.sh --outside` also checks links to other sites. `scripts/docs.sh --notebooks` first runs the notebooks anew.
set -euo pipefail
case "$(cat "$(dirname "${BASH_SOURCE[0]}")/../.venv/extras" 2>/dev/null)" in
    test | nightly) extras= ;;
    *) extras=docs ;;
esac
EXTRAS=$extras source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

python scripts/prose.py
if [ "${1:-}" = --notebooks ]; then
    scripts/notebooks.sh
fi
python -m sphinx --fail-on-warning --keep-going --quiet --jobs 2 -b html docs docs/_build/html
if [ "${1:-}" = --outside ]; then
    python -m sphinx --quiet -b linkcheck docs docs/_build/linkcheck
fi
echo "Documentation: $PWD/docs/_build/html/index.html"
