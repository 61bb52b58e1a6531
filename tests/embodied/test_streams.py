import threading

import pytest

from embodied.streams import Prefetch
from tests.naming import naming


def counter(stop=None):
  numbers = iter(range(10**9))

  def source():
    number = next(numbers)
    if number == stop:
      raise OSError('the disk is gone')
    return number

  return source


def prefetch_threads():
  return [x for x in threading.enumerate() if x.name == 'prefetch']


def test_order_is_kept_and_nothing_lost():
  stream = Prefetch(counter(), amount=3)
  assert [next(stream) for _ in range(1000)] == list(range(1000))
  assert iter(stream) is stream
  stream.close()


def test_works_ahead_by_amount_and_no_further():
  made, reached = [], threading.Semaphore(0)

  def source():
    made.append(len(made))
    reached.release()
    return made[-1]

  stream = Prefetch(source, amount=2)
  assert next(stream) == 0
  for _ in range(3):  # one that is returned, and two ahead
    assert reached.acquire(timeout=10)
  assert not reached.acquire(timeout=0.1)
  assert made == [0, 1, 2]
  assert next(stream) == 1
  assert reached.acquire(timeout=10)
  stream.close()


def test_does_not_call_the_source_before_the_first_next():
  stream = Prefetch(counter(stop=0))
  assert not prefetch_threads()
  stream.close()


def test_error_comes_after_what_was_made_before_it():
  stream = Prefetch(counter(stop=3), amount=2)
  assert [next(stream) for _ in range(3)] == [0, 1, 2]
  for _ in range(2):
    with pytest.raises(OSError, match='the disk is gone'):
      next(stream)
  stream.close()


def test_a_source_that_ends_ends_the_loop():
  stream = Prefetch(iter([1, 2, 3]).__next__)
  assert list(stream) == [1, 2, 3]
  stream.close()


def test_close_joins_the_thread_and_ends_the_iteration():
  stream = Prefetch(counter())
  next(stream)
  assert len(prefetch_threads()) == 1
  stream.close()
  stream.close()
  assert not prefetch_threads()
  assert list(stream) == []


def test_close_lets_the_running_call_finish():
  entered, go, done = (threading.Event() for _ in range(3))

  def source():
    if entered.is_set():
      return 1
    entered.set()
    go.wait(10)
    done.set()
    return 0

  stream = Prefetch(source)
  consumed = []
  consumer = threading.Thread(target=lambda: consumed.extend(stream))
  consumer.start()
  assert entered.wait(10)
  threading.Timer(0.1, go.set).start()
  stream.close()
  assert done.is_set()
  consumer.join(10)
  assert not consumer.is_alive() and consumed == []


def test_amount_must_be_positive():
  with pytest.raises(ValueError, match=naming('amount', 0)):
    Prefetch(counter(), amount=0)
