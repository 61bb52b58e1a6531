"""Texts as numbers of pieces: a byte-level BPE (Sennrich et al. 2016, arXiv
1508.07909) that is trained on the texts of a run and kept beside it."""

import os
from collections.abc import Iterable, Sequence

import numpy as np

from embodied import files
from embodied.errors import UsageError

# Numbers that are no pieces of a text; those of pieces follow. The package's
# special tokens are texts, which a text might hold.
PADDING, END, FIRST = 0, 1, 2
# At most: these, the 256 bytes, and what often stands together.
VOCABULARY = 1024


class Tokenizer:
  """Converts texts to rows of `length` pieces, and back.

  Any text can be converted. A row ends with `END`; `PADDING` follows.

  Args:
    length: pieces of a row, the end included. Longer texts are cut.
    content: JSON of a trained tokenizer, as `save` writes it.

  Raises:
    ValueError: `content` is not that.
  """

  def __init__(self, length: int, content: str) -> None:
    import tokenizers

    try:
      self._bpe = tokenizers.Tokenizer.from_str(content)
    except Exception as error:  # the package raises no other class
      raise ValueError(f'No tokenizer: {error}') from None
    self.length = length

  @classmethod
  def train(cls, texts: Iterable[str], length: int) -> 'Tokenizer':
    """A tokenizer whose pieces are those of some texts; the same texts, in any
    order, give the same one."""
    import tokenizers
    from tokenizers import decoders, models, pre_tokenizers, trainers

    bpe = tokenizers.Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
      vocab_size=VOCABULARY - FIRST,
      initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
      show_progress=False,
    )
    bpe.train_from_iterator(sorted(set(texts)), trainer)
    return cls(length, bpe.to_str())

  @property
  def vocabulary(self) -> int:
    """Number of pieces, padding and end among them."""
    return FIRST + int(self._bpe.get_vocab_size())

  def encode(self, texts: Sequence[str]) -> np.ndarray:
    """Texts -> int32 `[N, length]`."""
    rows = np.zeros((len(texts), self.length), np.int32)
    found = self._bpe.encode_batch(list(texts), add_special_tokens=False)
    for row, one in zip(rows, found, strict=True):
      ids = one.ids[: self.length - 1]
      row[: len(ids) + 1] = [*(FIRST + x for x in ids), END]
    return rows

  def decode(self, rows: np.ndarray) -> list[str]:
    """int `[N, length]` -> texts, up to their ends."""
    texts = []
    for row in np.asarray(rows):
      ends = np.flatnonzero(row < FIRST)
      stop = ends[0] if len(ends) else len(row)
      texts.append(self._bpe.decode((row[:stop] - FIRST).tolist()))
    return texts

  def save(self, path: str | os.PathLike[str]) -> None:
    """Writes it as JSON, in whole or not at all."""
    name = os.path.basename(path)
    files.beside(path).replace(name, self._bpe.to_str().encode())


def load(path: str | os.PathLike[str], length: int) -> Tokenizer:
  """The tokenizer that `save` wrote.

  Raises:
    UsageError: there is none, or it is damaged.
  """
  try:
    content = files.beside(path).read(os.path.basename(path)).decode()
    return Tokenizer(length, content)
  except (OSError, ValueError) as error:
    raise UsageError(f'Cannot read the tokenizer {path}: {error}.') from None
