"""What the C library does with memory that a step on a CPU gives back."""

import ctypes

# From malloc.h of the GNU C library.
TRIM_THRESHOLD, MMAP_MAX = -1, -4
NEVER = -1
# Bytes that are set apart for small blocks. They take no memory before they
# are used.
SMALL = 2**26


def keep() -> None:
  """Keeps freed memory for the next step instead of returning it.

  By itself the GNU C library hands large blocks back to the system, which has
  to clear every page of them anew for the next step, and XLA asks for one
  block of hundreds or thousands of megabytes per step. Does nothing with other
  libraries.

  Of the library's heaps, only that of the main thread can hold such blocks.
  One heap for all threads would not do: the compiler leaves so many gaps in it
  that each block takes long to place, while the other threads wait.
  """
  try:
    libc = ctypes.CDLL(None)
    mallopt, malloc, free = libc.mallopt, libc.malloc, libc.free
  except (OSError, AttributeError):
    return
  mallopt(MMAP_MAX, 0)
  mallopt(TRIM_THRESHOLD, NEVER)
  # A block goes where it fits best. Without this gap, one of a few bytes may
  # go to where the step's large one was, which then has to be had twice.
  malloc.argtypes, malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
  free.argtypes, free.restype = [ctypes.c_void_p], None
  gap = malloc(SMALL)
  malloc(1)  # Keeps the gap apart from what comes after it.
  free(gap)
