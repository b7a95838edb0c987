#!/usr/bin/env bash
# Makes the virtual environment: every package by its hash, and the project itself as it lies here.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${1:-.venv}

python=""
for each in "${PYTHON3:-}" python3 python3.14 python3.13 python3.12 python3.11; do
  if [[ -n $each ]] && command -v "$each" >/dev/null && "$each" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    python=$each
    break
  fi
done
if [[ -z $python ]]; then
  echo "Python 3.11 or later is needed; name it in PYTHON3" >&2
  exit 1
fi
if [[ ! -x $venv/bin/python ]]; then
  echo "making $venv with $("$python" --version)" >&2
  if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null
  fi
  "$python" -m venv "$venv"
fi
echo "installing the locked packages" >&2
"$venv/bin/python" -m pip --version >/dev/null 2>&1 || "$venv/bin/python" -m ensurepip --upgrade >/dev/null
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
