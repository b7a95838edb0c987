#!/usr/bin/env bash
# Runs pytest on the tiers that are named. A cluster that wasn't there before is taken down again at the
# end, also when tests fail or the run is interrupted.
set -euo pipefail
cd "$(dirname "$0")/.."
python=.venv/bin/python

if [[ " $* " == *" tests/e2e "* || " $* " == *" tests/parts "* ]]; then
  if [[ $($python -m hack.cluster status) != running ]]; then
    trap '$python -m hack.cluster down >/dev/null 2>&1 || echo "the cluster could not be taken down" >&2' EXIT
    trap 'exit 130' INT TERM
  fi
  $python -m hack.cluster up ${NODES:+--nodes "$NODES"} ${WITH:+--with "$WITH"}
  $python -m hack.install
fi
$python -m pytest "$@"
