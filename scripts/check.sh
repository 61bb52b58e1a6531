#!/usr/bin/env bash
# Lint, format, types and the default tests: what a developer runs before a
# commit, the pre-commit hook and the server alike.
#   bash scripts/check.sh [arguments of pytest]
. "$(dirname "${BASH_SOURCE[0]}")/env.sh" dev
set -e
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy
# Without its engine, the tests of the Battle Factory are skipped.
.venv/bin/python -m embodied.envs.battlefactory setup || true
bash scripts/test.sh "$@"
