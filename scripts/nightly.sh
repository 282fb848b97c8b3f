#!/usr/bin/env bash
# Runs what takes too long for scripts/test.sh, and notes how each step ended in the table of docs/appendix/reliability.md.
# All steps: scripts/nightly.sh; some: scripts/nightly.sh mutation fuzz. SEED (0) is that of all draws; what a step prints
# goes to nightly/STEP.log. A step that fails does not keep the others from running; the exit code is 1 then.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
steps=(tests mutation fuzz presets pythons portable audit package)
seed=${SEED:-0}
page=docs/appendix/reliability.md

step() {
    case $1 in
    tests) # all of them, in random order
        pytest -q -m "nightly or not nightly" --hypothesis-profile nightly --timeout 7200 --numprocesses auto --maxprocesses 4 -p randomly -p "no:cacheprovider" --randomly-seed "$seed" ;;
    mutation)
        python scripts/mutate.py draw --seed "$seed" &&
            cosmic-ray exec mutants/cosmic-ray.toml mutants/session.sqlite &&
            cr-report --surviving-only --show-diff mutants/session.sqlite &&
            cr-rate --fail-over 5 mutants/session.sqlite ;;
    fuzz) python tests/hostile/fuzz.py --cases 100000 --seed "$seed" ;;
    presets)
        local preset options
        [[ -d nightly/nmnist ]] || python scripts/make_nmnist.py nightly/nmnist || return
        for preset in models/presets/*.toml; do
            preset=$(basename "$preset" .toml)
            options=()
            [[ $preset != rcsnn-nmnist ]] || options=(--data-dir nightly/nmnist)
            netsim evaluate "$preset" "${options[@]}" || return
        done ;;
    pythons) scripts/pythons.sh -q ;;
    portable) scripts/workflows.sh && scripts/portable.sh -q ;;
    audit) scripts/supply.sh audit ;;
    package) scripts/package.sh ;;
    esac
}

for name in "$@"; do
    [[ " ${steps[*]} " == *" $name "* ]] || { echo "nightly.sh: $name is no step; steps are ${steps[*]}" >&2; exit 2; }
done
EXTRAS=nightly source scripts/environment.sh
revision=$(git describe --always --dirty 2>/dev/null || python -c 'import netsim; print(netsim.__version__)')
mkdir -p nightly
failed=0
for name in "${@:-${steps[@]}}"; do
    SECONDS=0
    if step "$name" >"nightly/$name.log" 2>&1; then result=passed; else result="**failed** ($?)" failed=1; fi
    row="| \`$name\` | $result | $(date +%Y-%m-%d) | \`$revision\` | $seed | $(((SECONDS + 59) / 60)) min |"
    echo "$row"
    # the row of the step is replaced, those of the others stay
    sed -i -e "/^| \`$name\` |/d" -e "s/^<!-- nightly -->$/${row//\//\\/}\n&/" "$page"
done
exit "$failed"
