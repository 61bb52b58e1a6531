# Sourced by the other scripts: goes to the project's folder and makes sure of
# an environment in .venv that has what is asked for: . scripts/env.sh [dev]
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
python=${PYTHON:-python3}
if [ ! -x .venv/bin/python ]; then
  "$python" -m venv .venv || exit 1
fi
# A stamp newer than setup.py says that the same was installed before.
stamp=".venv/installed${1:+-$1}"
if [ ! "$stamp" -nt setup.py ]; then
  echo "Installing into $PWD/.venv"
  .venv/bin/python -m pip install --quiet --editable ".${1:+[$1]}" || exit 1
  touch "$stamp"
fi
