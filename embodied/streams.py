"""Prefetching of batches in a background thread."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar('T')


class Prefetch(Generic[T]):
  """An iterator over results of `source`, computed up to `amount` ahead.

  The first `next` starts a background thread that calls `source`. If a call
  raises, `next` returns the results of the calls before it, and then raises
  the same exception each time.
  """

  def __init__(self, source: Callable[[], T], amount: int = 2) -> None:
    if amount < 1:
      raise ValueError(f'amount is {amount}; prefetch at least 1 item.')
    self._source = source
    self._amount = amount
    self._items: deque[T] = deque()
    self._error: BaseException | None = None
    self._closed = False
    self._changed = threading.Condition()
    self._thread = threading.Thread(
      target=self._run, name='prefetch', daemon=True
    )

  def __iter__(self) -> Iterator[T]:
    return self

  def __next__(self) -> T:
    with self._changed:
      if not self._closed and self._thread.ident is None:
        self._thread.start()
      self._changed.wait_for(
        lambda: self._items or self._error or self._closed
      )
      if self._closed:
        raise StopIteration
      if self._items:
        item = self._items.popleft()
        self._changed.notify_all()
        return item
      assert self._error is not None
      raise self._error

  def close(self) -> None:
    """Ends the iteration and waits for the thread. A call of `source` that has
    begun is finished."""
    with self._changed:
      self._closed = True
      self._items.clear()
      self._changed.notify_all()
    if self._thread.ident is not None:
      self._thread.join()

  def _run(self) -> None:
    while True:
      with self._changed:
        self._changed.wait_for(
          lambda: len(self._items) < self._amount or self._closed
        )
        if self._closed:
          return
      try:
        item = self._source()
      except BaseException as error:  # raised again in the consumer
        with self._changed:
          self._error = error
          self._changed.notify_all()
        return
      with self._changed:
        self._items.append(item)
        self._changed.notify_all()
