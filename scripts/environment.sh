# Sourced by the other scripts: goes to the repository and makes `.venv` with netsim in it, once.
# PYTHON chooses the interpreter; EXTRAS the optional dependencies (for example EXTRAS=test). LOCKED=1 installs the
# versions of requirements.lock, with their checksums, and nothing else.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11 python; do
        if [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "netsim needs Python 3.11, 3.12, 3.13 or 3.14; set PYTHON to one of them" >&2
    return 1
}

# The environment is made anew where its recipe (interpreter, metadata) has changed, and extended by extras
# that it lacks.
make_environment() {
    local python recipe extras
    python=$(find_python) || return 1
    recipe="$("$python" --version) $(cksum <setup.cfg) $(cksum <pyproject.toml) ${LOCKED:+$(cksum <requirements.lock)}"
    extras=$(cat .venv/extras 2>/dev/null)
    if [ "$(cat .venv/recipe 2>/dev/null)" = "$recipe" ] && { [ -z "${EXTRAS:-}" ] || [ "$extras" = "$EXTRAS" ]; }; then
        return
    fi
    extras=${EXTRAS:-$extras}
    if [ -n "${LOCKED:-}" ] && [ -n "$extras" ]; then
        echo "LOCKED installs netsim alone; unset EXTRAS, and remove .venv if it has some" >&2
        return 1
    fi
    echo "Installing netsim into .venv ..." >&2
    { [ -x .venv/bin/python ] && [ "$(.venv/bin/python --version 2>/dev/null)" = "$("$python" --version)" ]; } ||
        "$python" -m venv --clear .venv || return 1
    # one of this name is an earlier version of this or another project's, with the same package and command
    .venv/bin/python -m pip uninstall --quiet --disable-pip-version-check --yes netsim 2>/dev/null
    local pip=(.venv/bin/python -m pip install --quiet --disable-pip-version-check)
    # pip would compile every module, half of the time that it takes; Python compiles what is imported, and keeps it unless
    # PYTHONDONTWRITEBYTECODE forbids that
    [ -n "${PYTHONDONTWRITEBYTECODE:-}" ] || pip+=(--no-compile)
    if [ -n "${LOCKED:-}" ]; then
        "${pip[@]}" --require-hashes --requirement requirements.lock &&
            "${pip[@]}" --no-deps --no-build-isolation --editable . || return 1
    else
        "${pip[@]}" --editable ".${extras:+[$extras]}" || return 1
    fi
    echo "$extras" >.venv/extras
    echo "$recipe" >.venv/recipe
}

make_environment || exit 1
export PATH="$PWD/.venv/bin:$PATH"
