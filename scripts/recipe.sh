#!/usr/bin/env bash
# The recipe on Crafter from nothing, on one core: plans in words from the
# scripted expert, imitation, reinforcement learning on a leash, evaluations.
#   bash scripts/recipe.sh FOLDER
# The same command goes on where it stopped.
here=$PWD
. "$(dirname "${BASH_SOURCE[0]}")/env.sh" ""
[ -n "$1" ] || { echo "Give a folder for the results." >&2; exit 2; }
out=$(cd "$here" && mkdir -p "$1" && cd "$1" && pwd) || exit 1
set -e

run() { .venv/bin/python -m "ponderdream.$1" "${@:2}"; }
train() { run train --configs crafter pondernet cpu words "$@" --data "$out/plans"; }
evaluate() {
  compgen -G "$1/eval/*.json" >/dev/null || run evaluate --logdir "$1" --episodes 50 --video
}

run lrxc collect --expert crafter --episodes 700 --out "$out/plans"
train phase1 --logdir "$out/phase1" --run.steps 5000
evaluate "$out/phase1"
train phase4 --logdir "$out/phase4" --run.steps 100000 --init_from "$out/phase1"
evaluate "$out/phase4"
