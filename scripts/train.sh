#!/usr/bin/env bash
# Installs PonderDream into .venv if need be, and trains:
#   bash scripts/train.sh --configs crafter pondernet --logdir DIR
here=$PWD
. "$(dirname "${BASH_SOURCE[0]}")/env.sh" ""
# A relative --logdir is meant from where the command was given.
root=$PWD
cd "$here" || exit 1
exec "$root/.venv/bin/python" -m ponderdream.train "$@"
