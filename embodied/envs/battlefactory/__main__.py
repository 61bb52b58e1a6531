"""Brings the engine, or plays.

python -m embodied.envs.battlefactory setup
"""

import sys

from embodied.envs.battlefactory import install
from embodied.errors import UsageError


def main(argv: list[str]) -> int:
  """Runs a command; returns the exit code."""
  try:
    if argv != ['setup']:
      raise UsageError(
        'Say setup: python -m embodied.envs.battlefactory setup'
      )
    print(f'The engine is in {install.setup()}.')
    return 0
  except UsageError as error:
    print(f'Error: {error}', file=sys.stderr)
    return 2


if __name__ == '__main__':
  sys.exit(main(sys.argv[1:]))
