"""What LRXC data are made of: episodes, and the goals of their plans.

Times are whole numbers of steps from 0 on if the clock of the episode is
`step`. If it is `seconds`, they are seconds of the video, from
`source.t_start_s` to `source.t_end_s`. A span `[t0, t1)` does not contain its
end.

Every model refuses unknown fields, values of another type (1 is not True, '3'
is not 3), and numbers that are not finite, by a `pydantic.ValidationError`.
`validate.record` makes one sentence of it. What involves more than one record
is checked by `validate.check_episode`.
"""

import re
from typing import Annotated, Any, Literal

import pydantic
from pydantic import (
  AfterValidator,
  Field,
  PlainSerializer,
  StringConstraints,
)

SCHEMA_VERSION = 1
LONGEST = 200  # characters of a goal
DEEPEST = 31  # level of a node
CONTROL = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028\u2029]')

Status = Literal['achieved', 'failed', 'abandoned', 'ongoing', 'unknown']


def _shown(text: str) -> str:
  """Refuses what would print as nothing, or change a terminal."""
  if not text.strip() or CONTROL.search(text):
    raise ValueError('must be one line of words')
  return text


def _named(text: str) -> str:
  if not re.fullmatch('[A-Za-z0-9_-][A-Za-z0-9_.:-]{0,127}', text):
    raise ValueError('must be 1 to 128 letters, digits or any of _ - . :')
  return text


def _whole(value: float) -> int | float:
  """3.0 as 3, so that times in steps are indices."""
  return int(value) if value == int(value) else value


Text = Annotated[
  str,
  StringConstraints(min_length=1, max_length=LONGEST),
  AfterValidator(_shown),
]
Note = Annotated[
  str,
  StringConstraints(min_length=1, max_length=2000),
  AfterValidator(_shown),
]
# No folder, and no name that leads to one: ids may become names of files.
Name = Annotated[str, AfterValidator(_named)]
Time = Annotated[
  float,
  Field(ge=0, le=2**53),
  AfterValidator(_whole),
  PlainSerializer(lambda time: time),
]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]


class Record(pydantic.BaseModel):
  """What all models have in common; records cannot be changed, only copied.

  `model_dump` gives plain values under the names of the format, `return`
  among them.
  """

  model_config = pydantic.ConfigDict(
    extra='forbid',
    strict=True,
    frozen=True,
    allow_inf_nan=False,
    validate_by_name=True,
    serialize_by_alias=True,
  )


class Source(Record):
  """Where an episode comes from.

  Attributes:
    kind: a scripted expert, a video, a person's annotation, or an agent.
    t_start_s, t_end_s: the episode's part of the video, in seconds.
    fps: steps per second of the video, if the episode has steps.
    retrieved_at: date and time in ISO 8601.
    caption_kind: of the captions the goals were read from.
    extractor: what made the nodes: the expert's name, `rules`, a model.
    prompt_sha256: of the prompt that the extractor used.
  """

  kind: Literal['expert', 'youtube', 'human', 'policy']
  video_id: Note | None = None
  url: Note | None = None
  channel: Note | None = None
  licence: Note | None = None
  t_start_s: Annotated[float, Field(ge=0)] | None = None
  t_end_s: Annotated[float, Field(ge=0)] | None = None
  fps: Annotated[float, Field(gt=0)] | None = None
  retrieved_at: Note | None = None
  caption_kind: Literal['manual', 'automatic'] | None = None
  extractor: Note | None = None
  extractor_version: Note | None = None
  prompt_sha256: (
    Annotated[str, StringConstraints(pattern=r'\A[0-9a-f]{64}\z')] | None
  ) = None


class Quality(Record):
  """The probability `p_good` that the data are good, and who says so."""

  p_good: Share
  method: Note


class Episode(Record):
  """One episode of a game, or one part of a video.

  Attributes:
    episode_id: unique in a data set; letters, digits and `_ - . :`.
    env_id: the task, such as `crafter_reward`, or the name of the game.
    goal: what is wanted above all; None if nobody said it.
    n_steps: number of stored steps; 0 if there are only words.
    clock: the unit of times.
    outcome: how the goal ended.
    return_: sum of the rewards; `return` in files.
    seed: of the episode, in the environment.
    privileged: whether who acted saw more than the agent can see.
    split: what the episode is for.
  """

  episode_id: Name
  schema_version: Literal[1]
  env_id: Note | None = None
  goal: Text | None = None
  source: Source
  n_steps: Count
  clock: Literal['step', 'seconds']
  has_actions: bool = False
  has_rewards: bool = False
  has_images: bool = False
  outcome: Status = 'unknown'
  return_: float | None = Field(None, alias='return')
  seed: Annotated[int, Field(ge=0, lt=2**63)] | None = None
  privileged: bool = False
  quality: Quality | None = None
  split: Literal['train', 'valid', 'test'] = 'train'

  def span(self) -> tuple[float, float]:
    """Begin and end in units of the clock; the end is infinite if it is not
    known."""
    if self.clock == 'step':
      return 0, self.n_steps
    end = self.source.t_end_s
    return self.source.t_start_s or 0.0, float('inf') if end is None else end


class Canonical(Record):
  """A goal in the terms of the game: `collect`, `wood`, 5."""

  verb: Name
  object: Name | None = None
  count: Annotated[int, Field(ge=1, le=10**6)] | None = None


class Evidence(Record):
  """Words that were said from `t0` to `t1`, and by which a node is known."""

  t0: Time
  t1: Time
  quote: Note


class Node(Record):
  """One goal of a plan.

  Attributes:
    node_id: 0, 1, ... in order of `t0`, a parent before its children.
    parent_id: the goal that this one serves; None for a root.
    level: 0 for a root, one more than the parent's for others.
    text: the goal in words.
    status: how it ended.
    why: the reason in words, if one was given.
    goal_image_t: time at which a picture shows what was wanted.
    source: whether it was said, concluded, or comes from a script.
  """

  episode_id: Name
  node_id: Count
  parent_id: Count | None
  level: Annotated[int, Field(ge=0, le=DEEPEST)]
  text: Text
  canonical: Canonical | None = None
  t0: Time
  t1: Time
  status: Status = 'unknown'
  why: Text | None = None
  evidence: Annotated[
    tuple[Evidence, ...], Field(strict=False, max_length=1000)
  ] = ()
  p_good: Share | None = None
  goal_image_t: Time | None = None
  source: Literal['narrated', 'inferred', 'scripted']


def plain(record: Record) -> dict[str, Any]:
  """The record as values that JSON knows, without those that are defaults."""
  return record.model_dump(mode='json', exclude_defaults=True)
