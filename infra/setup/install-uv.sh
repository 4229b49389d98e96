#!/usr/bin/env bash
# Installs uv with pip into a folder of its own, so that a Python that the system manages is left
# alone. Usage: install-uv.sh <folder>; afterwards <folder>/bin/uv exists.
set -euo pipefail
folder=$1
python=$("$(dirname "${BASH_SOURCE[0]}")/prerequisites.sh" --print-python)
echo "installing uv into $folder" >&2

rm -rf "$folder"
if "$python" -m venv "$folder" >/dev/null 2>&1 &&
    "$folder/bin/pip" install --quiet --disable-pip-version-check uv; then
    exit 0
fi

# Some systems ship Python without venv (Debian's python3-venv): pip alone can do it too.
rm -rf "$folder"
if "$python" -m pip install --quiet --disable-pip-version-check --target "$folder" uv; then
    exit 0
fi

rm -rf "$folder"
echo "error: uv could not be installed with $python." >&2
echo "remedy: See the lines above; or install uv yourself (https://docs.astral.sh/uv)." >&2
exit 4
