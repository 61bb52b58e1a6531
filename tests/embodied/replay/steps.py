"""Steps for tests of the replay."""

import numpy as np


def make_step(count, worker=0, first=False, last=False):
  return {
    'image': np.full((2, 2, 3), count % 256, np.uint8),
    'count': np.int32(count),
    'worker': np.int32(worker),
    'is_first': np.bool_(first),
    'is_last': np.bool_(last),
  }
