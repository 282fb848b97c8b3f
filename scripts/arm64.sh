#!/usr/bin/env bash
# Runs tests on arm64 Linux under emulation. It needs root and the packages debootstrap and qemu-user-static of Debian.
# The first run unpacks a system with Python 3.13 into nightly/arm64, or the folder ARM64, and installs a wheel of netsim
# there, which takes minutes. Emulated compilation takes minutes for each kind of network, and compiled loops stay in
# the system for the next run. Arguments replace the tests and go to pytest.
set -euo pipefail
EXTRAS=nightly source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

base=$(realpath -m "${ARM64:-nightly/arm64}")
root=$base/root
emulator=/proc/sys/fs/binfmt_misc/qemu-aarch64

inside() { # a command in the system; its mounts end with it
    unshare --mount --propagation private bash -c '
        root=$1; shift
        mount -t proc proc "$root/proc"
        mount --rbind /dev "$root/dev"
        exec chroot "$root" env -i HOME=/root PATH=/usr/sbin:/usr/bin LC_ALL=C.UTF-8 MPLBACKEND=agg CI=true \
            NUMBA_CACHE_DIR=/var/numba "$@"' \
        bash "$root" "$@"
}

mountpoint --quiet /proc/sys/fs/binfmt_misc || mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
[ -e "$emulator" ] || cat /usr/lib/binfmt.d/qemu-aarch64.conf >/proc/sys/fs/binfmt_misc/register

if [ ! -d "$base/archives" ]; then
    debootstrap --download-only --arch=arm64 --variant=minbase --include=python3,python3-venv,python3-dev,g++ \
        trixie "$base/download" http://deb.debian.org/debian
    mv "$base/download/var/cache/apt/archives" "$base/archives"
    rm -rf --one-file-system "$base/download"
fi
if [ ! -e "$base/unpacked" ]; then
    # emulated configuration would take an hour, and Python runs without it
    mkdir -p "$root"/{usr/bin,usr/sbin,usr/lib,usr/local/lib/python3.13,etc,tmp,root,proc,dev,var,site}
    for name in bin sbin lib; do ln -sfn "usr/$name" "$root/$name"; done
    for archive in "$base"/archives/*.deb; do
        dpkg-deb --fsys-tarfile "$archive" | tar --extract --keep-directory-symlink --directory "$root"
    done
    install -D --mode 644 /etc/ssl/certs/ca-certificates.crt --target-directory "$root/etc/ssl/certs" # pip opens it
    echo "root:x:0:0:root:/root:/bin/sh" >"$root/etc/passwd"
    echo "root:x:0:" >"$root/etc/group"
    ln -sfn /site "$root/usr/local/lib/python3.13/dist-packages"
    touch "$base/unpacked"
fi
system=(--python-platform aarch64-manylinux_2_28 --python-version 3.13 --quiet)
if [ ! -e "$base/installed" ]; then
    python - >"$base/requirements.in" <<'EOF'
import configparser

metadata = configparser.ConfigParser()
metadata.read("setup.cfg", encoding="utf-8")
print(metadata["options"]["install_requires"], "pytest>=8", "pytest-timeout", "pytest-xdist", "hypothesis", sep="\n")
EOF
    uv pip compile "${system[@]}" --only-binary :all: --no-binary expelliarmus --no-header --no-annotate \
        --output-file "$base/requirements.txt" "$base/requirements.in"
    # the one package without a wheel for arm64 is built inside
    grep -v '^expelliarmus==' "$base/requirements.txt" >"$base/wheels.txt"
    uv pip install "${system[@]}" --no-deps --target "$root/site" --only-binary :all: --requirement "$base/wheels.txt"
    python -m pip download --quiet --no-deps --no-binary expelliarmus --dest "$root/tmp" expelliarmus
    inside sh -c 'PYTHONPATH=$(ls /usr/share/python-wheels/pip-*.whl) python3 -m pip install --quiet --no-deps --no-index \
        --no-build-isolation --no-compile --root-user-action ignore --target /site /tmp/expelliarmus-*.tar.gz'
    touch "$base/installed"
fi
# compiled loops stay where sources stay, with their times
sources=$(find netsim models analysis setup.cfg pyproject.toml -type f ! -name "*.nb[ci]" ! -name "*.pyc" -print0 |
    sort --zero-terminated | xargs --null cksum | cksum)
if [ "$(cat "$base/sources" 2>/dev/null)" != "$sources" ]; then
    rm -rf "$base/wheel"
    python -m pip wheel --quiet --no-deps --wheel-dir "$base/wheel" .
    uv pip install "${system[@]}" --reinstall --no-deps --target "$root/site" "$base"/wheel/*.whl
    echo "$sources" >"$base/sources"
fi
rm -rf "$root/src"
mkdir "$root/src"
cp -r --preserve=timestamps scripts tests setup.cfg "$root/src"

tested() { # tests in the system; time limits are those of processors, not of their emulation
    inside sh -c 'cd /src && exec python3 -m pytest -v -p no:cacheprovider --timeout 0 --durations 0 "$@"' sh "$@"
}

if [ $# -gt 0 ]; then
    tested "$@"
    exit
fi
# few tests, chosen by what they cover: vectors of 128 bits, both engines against the oracle on random networks, and the
# learner against finite differences
both=tests/engines/test_random_networks.py::test_both_engines_give_the_same_steps
derivative=tests/learning/test_learner.py::test_exact_derivative_agrees_with_finite_differences
tested tests/numerics/test_vectors.py tests/engines/test_oracle.py "$both"[0-{loops,relays,rules}] \
    "$derivative"[dense-phased-ramp] "$derivative"[convolutional-free-triangle]

# numbers there against frozen ones, within the bounds of scripts/freeze.py, and against those here, to the bit
frozen=(latencies "double phased ramp")
values='
import sys
import numpy as np
sys.path.insert(0, "scripts")
import freeze
'
inside sh -c 'cd /src && exec python3 -c "$@"' sh "$values"'
np.savez("/tmp/values.npz", **dict(freeze.numbers(tuple(sys.argv[1:]))))
' "${frozen[@]}"
python -c "$values"'
there, *beginnings = sys.argv[1:]
computed, frozen = dict(np.load(there)), freeze.read(tuple(beginnings))
lines = freeze.differences(frozen, computed)
print(*lines or freeze.agreement(dict(freeze.numbers(tuple(beginnings))), computed), sep="\n")
sys.exit(bool(lines))
' "$root/tmp/values.npz" "${frozen[@]}"

# digits trained there and here, and each run read by the other system
rm -rf "$root/tmp/there" "$root/tmp/here"
inside sh -c 'cd /tmp && python3 -m netsim train digits --epochs 2 --limit 300 --out there && python3 -m netsim evaluate there'
python -m netsim train digits --epochs 2 --limit 300 --out "$root/tmp/here"
python -m netsim evaluate "$root/tmp/there"
inside sh -c 'cd /tmp && python3 -m netsim evaluate here'
python - "$root/tmp/there" "$root/tmp/here" <<'EOF'
import sys

import numpy as np

import netsim

there, here = (netsim.load_model(path).weights for path in sys.argv[1:])
for name, weights in there.items():
    difference = np.abs(weights - here[name])
    print(f"{name}: {np.mean(difference == 0):.1%} equal to the bit, largest difference {difference.max():.1e}")
EOF
