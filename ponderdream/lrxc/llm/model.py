"""Goal trees from words by a language model, none of which is trusted.

The model lists the goals of each part of a transcript, and then arranges them
as a tree. Each quote has to be in its part and each span inside of it. A model
that errs is asked once more; what is still wrong is left out, and recorded.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import pydantic

from embodied.errors import UsageError
from ponderdream.lrxc import extract, ingest, stages
from ponderdream.lrxc.branch import Branch
from ponderdream.lrxc.captions import Word
from ponderdream.lrxc.lexicons import Goal, Lexicon
from ponderdream.lrxc.llm import prompts, verify
from ponderdream.lrxc.llm.assemble import assemble
from ponderdream.lrxc.llm.chat import Chat, Message
from ponderdream.lrxc.llm.prompts import Form, Goals, Links, Said
from ponderdream.lrxc.schema import CONTROL

VERSION = '1'
MANY = 150  # goals that are arranged at once
SHOWN = 20  # errors that the model is told

F = TypeVar('F', bound=Form)


class Model:
  """Extracts trees for a game by asking `chat`."""

  def __init__(self, chat: Chat, lexicon: Lexicon, name: str) -> None:
    self._chat = chat
    self._lexicon = lexicon
    self._name = name

  def tree(self, name: str, record: stages.Record) -> extract.Tree:
    """The tree of a record of captions.

    Raises:
      UsageError: There was no usable answer at all.
      stages.Halt: As `Chat.ask`.
    """
    rejected: list[Any] = []
    words = ingest.unpack(record)
    end = max(record['video']['duration'], words[-1].t1)
    branches, usable = self._flat(words, end, rejected)
    if not usable:
      raise UsageError(
        f'The model gave no usable answer: {rejected[-1]["reason"]}.'
      )
    goal, parents = self._arrange(branches, rejected)
    root = Branch(self._lexicon.root, 0.0, None, said=bool(goal), t1=end)
    root.words = goal
    made = extract.episode(
      self._lexicon.name, name, record, end, self._name, VERSION,
      prompts.digest(self._lexicon),
    )  # fmt: skip
    made = made.model_copy(update={'goal': root.text})
    nodes = extract.nodes(name, assemble(root, branches, parents))
    return extract.Tree(made, nodes, rejected)

  def _flat(
    self, words: Sequence[Word], end: float, rejected: list[Any]
  ) -> tuple[list[Branch], bool]:
    """The goals of all parts, and whether any part had an answer."""
    found: list[Branch] = []
    usable = False
    for part in verify.parts(words, end):
      check = lambda x, part=part: verify.wrong(x, part)
      t0, t1 = part.span
      lasts = f'This part lasts from {t0:.1f} to {t1:.1f} seconds.'
      request = f'{lasts}\nTranscript:\n{json.dumps(part.text)}'
      system = prompts.flat(self._lexicon)
      goals = self._ask(system, request, Goals, check, rejected)
      if goals is not None:
        usable = True
        bad = {i for i, _ in verify.wrong(goals, part)}
        kept = [x for i, x in enumerate(goals.goals) if i not in bad]
        found += [self._branch(x, part) for x in kept]
    return verify.joined(found), usable

  def _arrange(
    self, branches: Sequence[Branch], rejected: list[Any]
  ) -> tuple[str, dict[int, int]]:
    """What the player wants above all, and the parents of the goals."""
    parents: dict[int, int] = {}
    above = ''
    for start in range(0, len(branches), MANY):
      rows = branches[start : start + MANY]
      request = json.dumps([
        {'id': i, 'text': x.text, 't0': round(x.t0, 1), 't1': round(x.t1, 1)}
        for i, x in enumerate(rows)
      ])  # fmt: skip
      count = len(rows)
      check = lambda x, n=count: verify.circles(x, n)
      system = prompts.tree(self._lexicon)
      links = self._ask(system, request, Links, check, rejected)
      if links is None:
        continue
      above = above or verify.short(links.goal)
      if not verify.circles(links, len(rows)):
        parents |= {
          start + x.id: start + x.parent for x in links.links if x.parent >= 0
        }
    return above, parents

  def _ask(
    self,
    system: str,
    request: str,
    form: type[F],
    check: Callable[[F], list[tuple[int, str]]],
    rejected: list[Any],
  ) -> F | None:
    """The answer, after at most one correction; None if it has no form.

    What `check` still finds wrong is recorded as rejected.
    """
    messages: list[Message] = [
      {'role': 'system', 'content': system},
      {'role': 'user', 'content': request},
    ]
    found, errors = None, ['no answer']
    for _ in range(2):
      name = form.__name__.lower()
      answer = self._chat.ask(messages, name, prompts.schema(form))
      found, errors = _read(answer.text, answer.reason, form, check)
      if not errors:
        return found
      if answer.reason:
        break
      listed = '\n'.join(f'- {x}' for x in errors[:SHOWN])
      messages += [
        {'role': 'assistant', 'content': answer.text},
        {'role': 'user', 'content': prompts.REPAIR.format(errors=listed)},
      ]
    rejected.append({'reason': errors[0], 'errors': errors,
                     'answer': answer.text[:10000]})  # fmt: skip
    return found

  def _branch(self, said: Said, part: verify.Part) -> Branch:
    t0, t1 = part.span
    start, end = verify.quoted(said.quote, part) or part.span
    branch = Branch(
      self._canonical(said),
      min(max(said.t0, t0), t1),
      None,
      said=True,
      count=said.count if 0 < said.count <= 10**6 else None,
      why=verify.short(said.why),
      t1=min(max(said.t1, t0), t1),
      status=said.status,
      evidence=[(start, end, CONTROL.sub(' ', said.quote))],
    )
    branch.words = verify.short(said.text)
    return branch

  def _canonical(self, said: Said) -> Goal:
    """The goal in the terms of the game where it has them."""
    verb, thing = verify.name(said.verb), verify.name(said.object)
    way = self._lexicon.verbs.get(verb.replace('_', ' '), verb)
    noun = self._lexicon.nouns.get(thing.replace('_', ' '), thing)
    if Goal(verb, thing) in self._lexicon.known:
      return Goal(verb, thing)
    return self._lexicon.goal(way, noun) or Goal(verb or 'do', thing)


def _read(
  text: str,
  reason: str,
  form: type[F],
  check: Callable[[F], list[tuple[int, str]]],
) -> tuple[F | None, list[str]]:
  """An answer as its form, and what is wrong with it."""
  if reason:
    return None, [reason]
  try:
    found = form.model_validate_json(text)
  except pydantic.ValidationError as error:
    return None, [
      f'{".".join(map(str, x["loc"]))}: {x["msg"]}' for x in error.errors()
    ]
  return found, [sentence for _, sentence in check(found)]
