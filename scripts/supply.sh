#!/usr/bin/env bash
# What netsim is made of, beside its own sources:
#   scripts/supply.sh lock        writes requirements.lock: a version of every package, with checksums, for all Pythons
#   scripts/supply.sh licences    writes docs/dependencies.md: the licence that each of them declares
#   scripts/supply.sh audit       asks the Python package index for advisories on them; one not asked for is a failure
# `LOCKED=1 scripts/quickstart.sh`, or any other script, installs exactly the locked ones.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
task=${1:-}

case $task in
lock | licences | audit) ;;
*) echo "supply.sh: give one of lock, licences and audit" >&2; exit 2 ;;
esac
EXTRAS=nightly source scripts/environment.sh

case $task in
lock)
    uv pip compile --quiet --universal --python-version 3.11 --upgrade --generate-hashes --no-annotate \
        --custom-compile-command "scripts/supply.sh lock" --output-file requirements.lock setup.cfg ;;
licences)
    {
        echo "# Packages"
        echo
        echo "Every package that \`requirements.lock\` names and Linux needs, with the licence that it declares; made by"
        echo "\`scripts/supply.sh licences\`. What that means for you: [licences](licences.md)."
        echo
        sed -nE 's/^([A-Za-z0-9._-]+)==.*/\1/p' requirements.lock | sort -u |
            xargs pip-licenses --from mixed --format markdown --with-urls --packages
    } >docs/dependencies.md ;;
audit)
    pip-audit --strict --progress-spinner off --require-hashes --disable-pip --requirement requirements.lock ;;
esac
