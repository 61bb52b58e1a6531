"""What the C library does with memory that a step on a CPU gives back."""

import ctypes

# From malloc.h of the GNU C library.
TRIM_THRESHOLD, MMAP_MAX, ARENA_MAX = -1, -4, -8
MOST = 2**31 - 1


def keep() -> None:
  """Keeps freed memory for the next step instead of returning it.

  By itself the GNU C library hands large blocks back to the system, which has
  to clear every page of them anew for the next step, and XLA asks for one
  block of hundreds of megabytes per step. Does nothing with other libraries.
  """
  try:
    mallopt = ctypes.CDLL(None).mallopt
  except (OSError, AttributeError):
    return
  # One heap for all threads, that grows and does not shrink.
  mallopt(ARENA_MAX, 1)
  mallopt(MMAP_MAX, 0)
  mallopt(TRIM_THRESHOLD, MOST)
