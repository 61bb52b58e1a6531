"""What the tests of the Battle Factory need beside Python."""

import pytest

from embodied.envs.battlefactory import install
from embodied.errors import UsageError


def missing():
  """Why the engine cannot run here; '' if it can."""
  try:
    install.node()
    install.folder()
  except UsageError as error:
    return str(error)
  return ''


ENGINE = pytest.mark.skipif(bool(missing()), reason=missing() or 'never')
