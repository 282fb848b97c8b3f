# Sourced by the other scripts: goes to the repository and makes `.venv` with netsim in it, once.
# PYTHON chooses the interpreter; EXTRAS the optional dependencies (for example EXTRAS=test).

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11 python; do
        if [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "netsim needs Python 3.11, 3.12 or 3.13; set PYTHON to one of them" >&2
    return 1
}

# The environment is made anew where its recipe (interpreter, metadata, extras) has changed.
make_environment() {
    local python recipe
    python=$(find_python) || return 1
    recipe="$("$python" --version) extras=${EXTRAS:-} $(cksum <setup.cfg) $(cksum <pyproject.toml)"
    if [ "$(cat .venv/recipe 2>/dev/null)" != "$recipe" ]; then
        echo "Installing netsim into .venv ..." >&2
        { [ -x .venv/bin/python ] && [ "$(.venv/bin/python --version 2>/dev/null)" = "$("$python" --version)" ]; } ||
            "$python" -m venv --clear .venv || return 1
        .venv/bin/python -m pip install --quiet --disable-pip-version-check --editable ".${EXTRAS:+[$EXTRAS]}" || return 1
        echo "$recipe" >.venv/recipe
    fi
}

make_environment || exit 1
export PATH="$PWD/.venv/bin:$PATH"
