"""Handling of SIGTERM and Ctrl-C."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator

# Seconds after which the process exits if the main thread did not react.
PATIENCE = 20.0


@contextlib.contextmanager
def stop_requested() -> Iterator[threading.Event]:
  """An event that SIGTERM and Ctrl-C set, instead of ending the process.

  Python handles signals between two instructions of the main thread. A
  compilation is one instruction and may take minutes. So a second thread waits
  for signals too, and ends the process if the main thread does not react. As
  after `kill -9`, the run can be resumed from its last checkpoint, with all
  steps.
  """
  stop = threading.Event()
  numbers = signal.SIGTERM, signal.SIGINT
  before = [signal.signal(x, lambda *_: stop.set()) for x in numbers]
  reader, writer = os.pipe()
  os.set_blocking(writer, False)
  # Python's C-level handler writes a byte to this pipe for each signal.
  wakeup = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

  def watch() -> None:
    # The byte is the number of the signal; others are for somebody else.
    while byte := os.read(reader, 1):
      if byte[0] in numbers and not stop.wait(PATIENCE):
        print('Stopped; resumes from the last checkpoint.', flush=True)
        os._exit(0)

  thread = threading.Thread(target=watch, daemon=True)
  thread.start()
  try:
    yield stop
  finally:
    signal.set_wakeup_fd(wakeup)
    for number, handler in zip(numbers, before, strict=True):
      signal.signal(number, handler)
    os.close(writer)  # ends the thread
    thread.join()
    os.close(reader)
