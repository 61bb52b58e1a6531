"""Patterns for messages: what they have to name, whatever words they use."""

import re


def naming(*items):
  """A regular expression for text that names all items, in any order.

  A message may be reworded freely as long as it names the same keys, values
  and nouns. Use it as `pytest.raises(match=naming('batch.size', 6, 4))`.

  Args:
    *items: Numbers and texts. `6` is not found in `16`, `-6` or `6.5`, nor
      `'run.step'` in `run.steps`. A text that ends in `*` is the beginning of
      a word. Capital letters are not told from small ones.
  """
  return '(?is)' + ''.join(f'(?=.*{_whole(item)})' for item in items)


def says(text, *items):
  """Whether one line of a text names all items (see `naming`)."""
  pattern = re.compile(naming(*items))
  return any(pattern.match(line) for line in text.splitlines())


def _whole(item):
  number = isinstance(item, int | float) and not isinstance(item, bool)
  text, open_end = str(item), str(item).endswith('*')
  text = text[:-1] if open_end else text
  before = r'(?<![\w.-])' if number else r'(?<![\w.])'
  before = before if re.match(r'[\w-]', text) else ''
  after = r'(?!\w|\.\w)' if re.match(r'\w', text[-1]) else ''
  return before + re.escape(text) + ('' if open_end else after)
