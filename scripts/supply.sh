#!/usr/bin/env bash
# What netsim is made of, beside its own sources:
#   scripts/supply.sh lock        writes requirements.lock: a version of every package, with checksums, for all Pythons
#   scripts/supply.sh licences    writes docs/reference/dependencies.md: the licence that each of them declares
#   scripts/supply.sh sizes       installs netsim into an empty environment, and lists what each package takes there
#   scripts/supply.sh wheels      lists packages without a wheel for a Python and a system that netsim is for
#   scripts/supply.sh audit       asks the Python package index for advisories on them; one not asked for is a failure
# `LOCKED=1 scripts/quickstart.sh`, or any other script, installs exactly the locked ones.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
task=${1:-}

case $task in
lock | licences | sizes | wheels | audit) ;;
*) echo "supply.sh: give one of lock, licences, sizes, wheels and audit" >&2; exit 2 ;;
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
    page=docs/reference/dependencies.md
    table=$(pip-licenses --python "$folder/bin/python" --from mixed --format markdown --with-urls)
    sed -i '/^<!-- licences -->$/q' "$page" # what lies above stays
    printf '\n%s\n' "$table" >>"$page" ;;
sizes)
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    python -m venv "$folder"
    time "$folder/bin/pip" install --quiet --disable-pip-version-check --no-compile .
    du -sm --apparent-size "$folder"/lib/python*/site-packages
    "$folder/bin/python" scripts/sizes.py ;;
wheels)
    required=$(python -c "import configparser
metadata = configparser.ConfigParser()
metadata.read('setup.cfg', encoding='utf-8')
print(metadata['options']['install_requires'])")
    for system in x86_64-manylinux_2_28 aarch64-manylinux_2_28 macos windows; do
        for version in 3.11 3.12 3.13 3.14; do
            lacking=()
            # each try names one package without a wheel, which the next one builds
            while ! said=$(uv pip compile --quiet --python-platform "$system" --python-version "$version" \
                --only-binary :all: "${lacking[@]/#/--no-binary=}" - <<<"$required" 2>&1 >/dev/null); do
                name=$(sed -n 's/.*Wheels are required for `\([^`]*\)`.*/\1/p' <<<"$said" | head -1)
                [ -n "$name" ] && [[ " ${lacking[*]} " != *" $name "* ]] || { echo "$said" >&2; exit 1; }
                lacking+=("$name")
            done
            echo "$system, Python $version: ${lacking[*]:-none}"
        done
    done ;;
audit)
    pip-audit --strict --progress-spinner off --require-hashes --disable-pip --requirement requirements.lock ;;
esac
