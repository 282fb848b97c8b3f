#!/usr/bin/env bash
# Runs the tests on the oldest and the newest Python, each with the newest libraries and with the least versions that
# setup.cfg names. Arguments go to pytest. PYTHONS ("3.11 3.13") and SETS ("newest least") choose among them.
set -euo pipefail
EXTRAS=nightly source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

declare -A resolution=([newest]=highest [least]=lowest-direct)
folder=$(mktemp -d)
chmod 755 "$folder" # some tests run Python as another user
trap 'rm -rf "$folder"' EXIT
failed=0
for version in ${PYTHONS:-3.11 3.13}; do
    for set in ${SETS:-newest least}; do
        environment=$folder/$version-$set
        uv venv --quiet --seed --python "$version" "$environment"
        # what can be had ready-made is not built, so that the least is the least there is for this Python
        uv pip install --quiet --python "$environment" --resolution "${resolution[$set]}" \
            --only-binary :all: --no-binary expelliarmus --no-binary nixio --no-binary netsim-snn ".[test]"
        echo "== Python $version, $set libraries"
        PATH=$environment/bin:$PATH "$environment/bin/pytest" --numprocesses auto --maxprocesses 4 --dist worksteal \
            -p no:cacheprovider "$@" || failed=1
        rm -rf "$environment"
    done
done
exit "$failed"
