"""The registry of experts."""

import pytest

from embodied.errors import UsageError
from embodied.experts import make_expert


def test_unknown_experts_and_variants_are_named():
  with pytest.raises(UsageError, match="no expert 'craft'.*'crafter'"):
    make_expert('craft')
  with pytest.raises(UsageError, match="no variant 'nois'"):
    make_expert('crafter', nois=0.1)
