"""Texts to pieces and back."""

import numpy as np
import pytest

from embodied.errors import UsageError
from ponderdream import tokenizer

GOALS = [
  'survive and unlock everything',
  'collect 5 wood',
  'place a table',
  'move left',
  'collect a diamond',
]
OURS = tokenizer.Tokenizer.train(GOALS, 24)


@pytest.mark.parametrize(
  'text',
  [*GOALS, '', 'zap the Ünbekannte 石!', '<end><pad>', '  two  blanks ', '\n'],
)
def test_any_text_comes_back(text):
  wide = tokenizer.Tokenizer.train(GOALS, 64)
  rows = wide.encode([text])
  assert rows.shape == (1, 64) and rows.dtype == np.int32
  assert rows.max() < wide.vocabulary <= tokenizer.VOCABULARY
  end = np.flatnonzero(rows[0] == 1)
  assert len(end) == 1 and not rows[0, end[0] + 1 :].any()
  assert wide.decode(rows) == [text]


def test_known_texts_are_short_and_long_ones_are_cut():
  rows = OURS.encode(GOALS)
  assert ((rows > 0).sum(1) <= 7).all()
  long = OURS.encode(['q' * 99])
  assert long[0, -1] == 1 and OURS.decode(long) == ['q' * 23]


def test_the_order_of_the_texts_does_not_matter(tmp_path):
  again = tokenizer.Tokenizer.train([*GOALS[::-1], *GOALS], 24)
  np.testing.assert_array_equal(again.encode(GOALS), OURS.encode(GOALS))
  OURS.save(tmp_path / 'tokens.json')
  found = tokenizer.load(tmp_path / 'tokens.json', 24)
  np.testing.assert_array_equal(found.encode(GOALS), OURS.encode(GOALS))


@pytest.mark.parametrize('content', [None, '', '{}', '[1]', 'x' * 10**5])
def test_no_tokenizer_is_one_sentence(tmp_path, content):
  path = tmp_path / 'tokens.json'
  if content is not None:
    path.write_text(content)
  with pytest.raises(UsageError, match='tokens.json'):
    tokenizer.load(path, 24)
