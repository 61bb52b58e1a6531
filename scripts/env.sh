# Sourced by the other scripts: goes to the project's folder and makes sure of
# an environment in .venv with an extra, or none: . scripts/env.sh dev|""
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
if [ ! -x .venv/bin/python ]; then
  python=${PYTHON:-python3}
  "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || {
    echo "PonderDream needs Python 3.11 to 3.13, and $python is $("$python" -V 2>&1); set PYTHON to one of these." >&2
    exit 2
  }
  "$python" -m venv .venv || { rm -rf .venv; exit 1; }
fi
# A stamp newer than setup.py says that the same was installed before.
stamp=".venv/installed${1:+-$1}"
if [ ! "$stamp" -nt setup.py ]; then
  echo "Installing into $PWD/.venv"
  .venv/bin/python -m pip install --quiet --editable ".${1:+[$1]}" || exit 1
  touch "$stamp"
fi
