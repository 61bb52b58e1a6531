#!/usr/bin/env bash
# What a developer runs before a commit: lint, format, types, tests.
. "$(dirname "${BASH_SOURCE[0]}")/env.sh" dev
set -e
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy
bash scripts/test.sh "$@"
