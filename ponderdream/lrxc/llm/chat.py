"""Questions to a language model, by the protocol of OpenAI's chat completions.

Any server that speaks it will do. Answers are kept on disk under a hash of the
question, so that a stage that was stopped does not pay for them again.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from embodied.errors import UsageError, install
from ponderdream.lrxc import stages

LETTERS = 4  # of a token, about; for prices before they are known
MILLION = 1e6

Message = dict[str, str]


class Answer(NamedTuple):
  """`text`, or why there is none."""

  text: str
  reason: str = ''


class Chat:
  """A model on a server.

  Args:
    folder: where answers are kept.
    model: its name there.
    base_url: of the server; '' is what the package `openai` takes.
    timeout: seconds for one answer.
    prices: dollars per million tokens of questions and of answers.
    max_price: dollars for all that is in the folder; 0 is no limit.
    retries: how often a question is asked again after an error of the
      server, or if it asks for patience.

  Raises:
    UsageError: The package is not installed, there is no key, or a limit
      without prices.
  """

  def __init__(
    self,
    folder: Path,
    *,
    model: str,
    base_url: str = '',
    timeout: float = 120.0,
    prices: tuple[float, float] = (0.0, 0.0),
    max_price: float = 0.0,
    retries: int = 5,
  ) -> None:
    if max_price and not any(prices):
      raise UsageError(
        'A limit on the price needs prices; give --price_in and --price_out,'
        ' dollars per million tokens.'
      )
    self._folder = folder
    self._model = model
    self._prices = prices
    self._limit = max_price
    self._client = _client(base_url, timeout, retries)
    folder.mkdir(parents=True, exist_ok=True)
    self.spent = sum(self._price(stages.read(x)) for x in _kept(folder))

  def ask(
    self, messages: Sequence[Message], name: str, schema: Mapping[str, Any]
  ) -> Answer:
    """The answer to a conversation, JSON of `schema`, if the model obeys.

    Raises:
      stages.Halt: The server does not answer, refuses the key, or the limit
        is reached.
    """
    question = {
      'model': self._model,
      'messages': list(messages),
      'temperature': 0,
      'response_format': {
        'type': 'json_schema',
        'json_schema': {'name': name, 'strict': True, 'schema': schema},
      },
    }
    text = json.dumps(question, sort_keys=True)
    path = self._folder / f'{stages.digest(text)}.json'
    if path.exists():
      return _answer(stages.read(path))
    self._check(len(text))
    found = self._send(question)
    self.spent += self._price(found)
    stages.write(path, found)
    return _answer(found)

  def _check(self, letters: int) -> None:
    next_one = letters / LETTERS * self._prices[0] / MILLION
    if self._limit and self.spent + next_one > self._limit:
      raise stages.Halt(
        f'The next question would exceed the limit of ${self._limit:g};'
        f' ${self.spent:.4f} were spent. Set --max_price higher to go on.'
      )

  def _price(self, found: Mapping[str, Any]) -> float:
    tokens = found['tokens']
    pairs = zip(tokens, self._prices, strict=True)
    return sum(count * price / MILLION for count, price in pairs)

  def _send(self, question: dict[str, Any]) -> dict[str, Any]:
    import openai

    try:
      reply = self._client.chat.completions.create(**question)
    except openai.AuthenticationError:
      raise stages.Halt(
        'The server refuses the key; set OPENAI_API_KEY.'
      ) from None
    except openai.APITimeoutError:
      raise stages.Halt(
        'The server did not answer in time; set --timeout higher, or try'
        ' again later. What was made is kept.'
      ) from None
    except openai.RateLimitError:
      raise stages.Halt(
        'The server takes no more questions for now (429); try again later.'
        ' What was made is kept.'
      ) from None
    except openai.APIError as error:
      reason = ' '.join(str(error).split())[:200]
      raise stages.Halt(f'The server failed: {ascii(reason)}.') from None
    return _found(reply)


def _client(base_url: str, timeout: float, retries: int) -> Any:
  try:
    import openai
  except ImportError:
    raise UsageError(
      f'A language model needs the package openai: {install("[llm]")}'
    ) from None
  # A server of one's own needs no key, but the package does.
  key = os.environ.get('OPENAI_API_KEY') or ('none' if base_url else None)
  try:
    return openai.OpenAI(
      api_key=key,
      base_url=base_url or None,
      timeout=timeout,
      max_retries=retries,
    )
  except openai.OpenAIError:
    raise UsageError(
      'There is no key; set OPENAI_API_KEY, or give --base_url of a server'
      ' that needs none.'
    ) from None


def _kept(folder: Path) -> list[Path]:
  return [x for x in folder.glob('*.json') if x.name[0] != '.']


def _found(reply: Any) -> dict[str, Any]:
  """What is kept of a reply; servers leave out what they like."""
  usage = getattr(reply, 'usage', None)
  tokens = [
    getattr(usage, x, 0) or 0 for x in ('prompt_tokens', 'completion_tokens')
  ]
  choices = getattr(reply, 'choices', None) or []
  if not choices:
    return {'text': '', 'reason': 'no answer', 'tokens': tokens}
  message, end = choices[0].message, choices[0].finish_reason
  text, refusal = message.content or '', getattr(message, 'refusal', None)
  reason = ''
  if refusal or end == 'content_filter':
    reason = f'the model refused: {(refusal or "filtered")[:200]}'
  elif end == 'length':
    reason = 'the answer was cut off'
  elif not text:
    reason = 'an empty answer'
  return {'text': text, 'reason': reason, 'tokens': tokens}


def _answer(found: Mapping[str, Any]) -> Answer:
  return Answer(found['text'], found['reason'])
