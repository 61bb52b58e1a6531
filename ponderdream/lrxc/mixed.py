"""Several sources of batches, of which some have plans in words."""

import numpy as np

from embodied.sources import Batch, Mixture
from ponderdream.lrxc.windows import POINTERS, TEXTS


class Mixed(Mixture):
  """A mixture whose batches have one table of texts, in which each text stands
  once."""

  def unite(self, parts: list[Batch]) -> list[Batch]:
    texts: dict[str, int] = {}
    united = []
    for part in parts:
      if TEXTS in part:
        words = part[TEXTS].tolist()
        place = [texts.setdefault(x, len(texts)) for x in words]
        # The last entry is that of -1, for none.
        moved = np.array([*place, -1], np.int32)
        part = part | {k: moved[part[k]] for k in POINTERS}
        del part[TEXTS]
      united.append(part)
    if any(TEXTS in part for part in parts):
      united[0] = united[0] | {TEXTS: np.array([*texts], np.str_)}
    return united
