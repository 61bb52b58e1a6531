"""The command `python -m ponderdream.lrxc`."""

import sys

from embodied.config import Config
from ponderdream.lrxc import cli


def demonstrate(options: Config) -> int:
  """Records an agent. Imported only for that: it loads JAX, and a worker of
  `collect` imports this module again."""
  from ponderdream import demonstrate

  return demonstrate.demonstrate(options)


if __name__ == '__main__':
  sys.exit(cli.main(sys.argv[1:], demonstrate))
