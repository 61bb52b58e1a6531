"""Settings of the C library's memory allocator for steps on a CPU."""

import ctypes

# Parameters of mallopt, from malloc.h of the GNU C library.
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
NEVER = -1
# Size of the gap for small blocks, in bytes. Its pages take no memory before
# they are used.
GAP_BYTES = 2**26


def keep() -> None:
  """Keeps freed memory in the process instead of returning it to the system.

  XLA allocates one block of hundreds or thousands of megabytes in each step.
  By default the GNU C library returns such a block to the system when it is
  freed, and the system has to clear all its pages again for the next step. At
  size12m this took 5 of 17 s. Does nothing with other C libraries.

  The GNU C library has one heap per thread, and only the heap of the main
  thread can hold blocks of this size, so steps must run in the main thread. A
  single heap for all threads is slower: the compiler fragments it, so that
  the allocator searches long for each block while other threads wait.
  """
  try:
    libc = ctypes.CDLL(None)
    mallopt, malloc, free = libc.mallopt, libc.malloc, libc.free
  except (OSError, AttributeError):
    return
  mallopt(M_MMAP_MAX, 0)
  mallopt(M_TRIM_THRESHOLD, NEVER)
  # The allocator takes the free space that fits best. Without this gap, a
  # block of a few bytes may take a piece of the space of the step's large
  # block, which then needs a second space of its size.
  malloc.argtypes, malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
  free.argtypes, free.restype = [ctypes.c_void_p], None
  gap = malloc(GAP_BYTES)
  malloc(1)  # Separates the gap from the memory after it.
  free(gap)
