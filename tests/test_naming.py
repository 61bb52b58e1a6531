"""What the tests of messages rest on."""

import re

import pytest

from tests.naming import naming, says


@pytest.mark.parametrize(
  'items, text, found',
  [
    ((6, 4), 'size 6 on 4 devices', True),
    ((6, 4), '4 devices share 6.', True),
    ((6, 4), 'size 16 on 4 devices', False),
    ((6, 4), 'size 6.5 on 4 devices', False),
    ((6, 4), 'size -6 on 4 devices', False),
    ((-1,), 'got -1.', True),
    (('run.step',), "No key 'run.step'.", True),
    (('run.step',), 'Did you mean run.steps?', False),
    (('run.step',), '--run.step 3', True),
    (('steps',), 'run.steps', False),
    (('run',), 'run.steps', False),
    (('--logdir',), 'give --logdir DIR', True),
    (('--logdir',), 'give --logdirs', False),
    (('resum*', 60), 'Resumes from step 60', True),
    (('resum*', 60), 'starts at step 60', False),
    (('[]',), 'got [].', True),
    (('one', 'two'), 'two\nlines with one', True),
    ((True,), 'got True.', True),
  ],
)
def test_naming(items, text, found):
  assert bool(re.search(naming(*items), text)) == found


def test_one_line_says_it_all():
  text = 'Starts at 3.\nFinished at step 60.'
  assert says(text, 'step', 60) and not says(text, 3, 60)
