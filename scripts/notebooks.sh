#!/usr/bin/env bash
# Run notebooks of docs/howto/notebooks anew and keep their outputs: all of them, or those named, as in
# `scripts/notebooks.sh other_tools`. It takes about ten minutes. recorded_cell needs NETSIM_DATA.
set -euo pipefail
case "$(cat "$(dirname "${BASH_SOURCE[0]}")/../.venv/extras" 2>/dev/null)" in
    test | nightly) extras= ;;
    *) extras=test ;;
esac
EXTRAS=$extras source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

folder=$PWD/docs/howto/notebooks
if [ $# -eq 0 ]; then set -- $(cd "$folder" && basename -s .ipynb -- *.ipynb); fi
for name in "$@"; do
    if [ "$name" = recorded_cell ] && [ ! -d "${NETSIM_DATA:-}" ]; then
        echo "recorded_cell is left out, because NETSIM_DATA is not set" >&2
        continue
    fi
    scratch=$(mktemp -d)
    python - "$folder/$name.ipynb" "$scratch" <<'PROGRAM'
import sys

import nbclient
import nbformat

path, scratch = sys.argv[1:]
book = nbformat.read(path, 4)
metadata = {"metadata": {"path": scratch}}
nbclient.NotebookClient(book, timeout=1800, resources=metadata, record_timing=False, coalesce_streams=True).execute()
for cell in book.cells:  # notes on compiling, and progress, depend on the machine
    if cell.cell_type == "code":
        cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
book.metadata["language_info"] = {"name": "python"}
nbformat.write(book, path)
PROGRAM
    rm -r "$scratch"
    echo "$name"
done
