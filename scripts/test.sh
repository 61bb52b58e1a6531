#!/usr/bin/env bash
# Installs PonderDream into .venv if need be, and runs the tests:
#   bash scripts/test.sh [arguments of pytest]
. "$(dirname "${BASH_SOURCE[0]}")/env.sh" dev
exec .venv/bin/python -m pytest -n 2 --dist loadfile -m 'not slow' "$@"
