#!/usr/bin/env bash
# Builds sdist and wheel into dist/, checks both, and installs the wheel into an empty environment of the oldest and of the
# newest Python that is found: there the quickstart runs, a preset is evaluated if NETSIM_DATA is set, and all of it once
# more without a home and with packages that cannot be written to.
set -euo pipefail
EXTRAS=test source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

python -m pip install --quiet --disable-pip-version-check build twine check-wheel-contents
rm -rf build dist
python -m build --outdir dist . >/dev/null
twine check --strict dist/*
check-wheel-contents dist/*.whl
wheel=$(realpath dist/*.whl)
folder=$(mktemp -d)
trap 'chmod -R u+w "$folder"; rm -rf "$folder"' EXIT

# For root, modes of files count only without its capability to override them.
unwritable() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --bounding-set=-dac_override "$@"
    else
        "$@"
    fi
}

quickstart() { # in the current folder, by the netsim of an environment, perhaps as a command given before it
    local netsim=$1/bin/netsim
    shift
    # a failure ends it: in a condition the shell does not stop by itself
    "$@" "$netsim" train digits --engine brian2 --seed 1 --out run &&
        "$@" "$netsim" evaluate run &&
        "$@" "$netsim" simulate run --index 0 --record hidden:0 --record output:0 || return
    if [ -n "${NETSIM_DATA:-}" ]; then
        "$@" "$netsim" evaluate mlp-mnist
    else
        echo "NETSIM_DATA is not set: no preset is evaluated" >&2
    fi
}

timed() {
    local TIMEFORMAT="$1: %0R s, processor %0U s"
    time "${@:2}" >"$folder/log" 2>&1 || { cat "$folder/log" >&2; echo "package.sh: $1: failed" >&2; exit 1; }
}

tried=0
for version in 3.11 3.13; do
    command -v "python$version" >/dev/null && "python$version" --version >/dev/null 2>&1 || continue
    environment=$folder/environment-$version
    "python$version" -m venv "$environment"
    timed "Python $version: installation" "$environment/bin/pip" install --quiet --disable-pip-version-check "$wheel"
    mkdir -p "$folder/home"
    for name in first again; do
        mkdir -p "$folder/$version-$name"
        (cd "$folder/$version-$name" &&
            timed "Python $version: quickstart, $name" quickstart "$environment" env HOME="$folder/home" XDG_CACHE_HOME=)
    done
    rm -rf "$environment"/lib/python*/site-packages/netsim/__pycache__/netsim-kernels-* "$folder/home"
    chmod -R a-w "$environment"
    mkdir -p "$folder/$version-closed"
    (cd "$folder/$version-closed" && timed "Python $version: packages read-only, no home" \
        quickstart "$environment" unwritable env -u HOME -u XDG_CACHE_HOME)
    tried=$((tried + 1))
done
[ "$tried" -gt 0 ] || { echo "package.sh: neither python3.11 nor python3.13 is found" >&2; exit 1; }
