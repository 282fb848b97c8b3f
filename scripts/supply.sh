#!/usr/bin/env bash
# What netsim is made of, beside its own sources:
#   scripts/supply.sh lock        writes requirements.lock: a version of every package, with checksums, for all Pythons
#   scripts/supply.sh licences    writes docs/reference/dependencies.md: the licence that each of them declares
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
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    uv venv --quiet --python 3.11 "$folder"
    uv pip sync --quiet --require-hashes --python "$folder" requirements.lock
    {
        echo "# Packages"
        echo
        echo "This table lists all packages of \`requirements.lock\` that netsim needs on Linux, with their declared licences."
        echo "\`scripts/supply.sh licences\` writes it. [Licences](licences.md) explains the consequences for you."
        echo
        pip-licenses --python "$folder/bin/python" --from mixed --format markdown --with-urls
    } >docs/reference/dependencies.md ;;
audit)
    pip-audit --strict --progress-spinner off --require-hashes --disable-pip --requirement requirements.lock ;;
esac
