"""Goal trees from words, by rules: an intent grammar and a game's lexicon."""

from collections.abc import Sequence

from ponderdream.lrxc.branch import Branch
from ponderdream.lrxc.captions import Word
from ponderdream.lrxc.lexicons import Goal, Lexicon
from ponderdream.lrxc.rules import grammar
from ponderdream.lrxc.rules.clause import Clause
from ponderdream.lrxc.rules.grammar import Sentence
from ponderdream.lrxc.rules.growth import Tree
from ponderdream.lrxc.rules.names import Goals, Names
from ponderdream.lrxc.schema import Status

VERSION = '3'
INTRO = 60.0  # seconds in which a speaker says what a video is about
SLIP = 6.0  # seconds in which a speaker corrects or explains himself
SOON = 8.0  # seconds from 'today' to what it is about
ECHO = 4.0  # seconds in which 'done' is said again
QUICK = 0.4  # seconds from a wish to a word about what it ended
LAG = 1.0  # seconds from a deed to words about it, in a long speech
STRAY = 2  # unknown words in a clause that wants what it only names


def extract(
  words: Sequence[Word], lexicon: Lexicon, t0: float, t1: float
) -> list[Branch]:
  """The goals that are spoken of between `t0` and `t1` (seconds)."""
  reader = Reader(lexicon, t0)
  for sentence in grammar.sentences(words):
    reader.read(sentence)
  return reader.tree.finish(max(t1, words[-1].t1 if words else t1))


class Reader:
  """Reads sentences one after the other and grows a tree of goals."""

  def __init__(self, lexicon: Lexicon, t0: float) -> None:
    self.lexicon = lexicon
    self.tree = Tree(lexicon, t0)
    self._start = self._breath = t0
    self._names = Names(lexicon, self.tree)
    self._today = -SOON  # when somebody began to say what it is about
    self._ended = -ECHO  # when a goal was last said to be reached
    self._last: tuple[float, Branch] | None = None  # what was wanted last

  def read(self, sentence: Sentence) -> None:
    self._breath = sentence.words[0].t0
    self.tree.breathe(self._breath)
    parts = grammar.chunks(sentence.tokens, self.lexicon)
    purpose: list[Goal] = []  # of the sentence's next wish
    idle = past = False
    for each in grammar.clauses(parts):
      clause = Clause(each, sentence)
      now = clause.parts[0][:2] == ('start', 'now')
      now = now or clause.has('today')
      past = clause.has('past') or past and not now
      idle = past or self._is_idle(clause, idle)
      near = [x for x, _ in self._names.goals(clause, clause.main, ())]
      pairs = self._names.goals(clause, clause.purpose, near)
      aims = [x for x, _ in pairs] or purpose
      unknown = clause.purpose and not pairs and clause.has('for', 'to')
      if clause.has('for', 'that') or unknown:
        aims = self.tree.open[-1:]
      main = self._names.goals(clause, clause.main, aims)
      if clause.has('oops'):
        self._take_back(clause.t0, [x for x, _ in main])
      if clause.has('for', 'because'):
        self._explain(clause, [*(x for x, _ in main), *aims])
      if not idle:
        purpose = self._take(clause, main, aims)
      self._remember(clause)

  def _take_back(self, t: float, goals: list[Goal]) -> None:
    """What was just wanted was a slip of the tongue, if it is not what the
    goals that are named now are for."""
    if self._last and t - self._last[0] < SLIP:
      slip = self._last[1].goal
      if not any(slip == x or self.tree.helps(x, slip) for x in goals):
        self.tree.retract(self._last[1])
    self._last = None

  def _explain(self, clause: Clause, reasons: list[Goal]) -> None:
    """'... because I want a table': what was just wanted is for that."""
    if not self._last or clause.t0 - self._last[0] > SLIP:
      return
    named = reasons
    reasons = reasons if clause.has('want') or clause.has('needs') else []
    branch = self._last[1]
    branch.why = branch.why or clause.text
    if not named and not clause.has('die'):
      self.tree.alone(branch)
    served = [x for x in reasons if self.tree.helps(branch.goal, x)]
    if served and served[0] not in self.tree.open:
      self.tree.retract(branch)
      again = self.tree.want(branch.goal, branch.t0, served[:1])
      again.evidence, again.why = branch.evidence, branch.why
      again.count = branch.count

  def _is_idle(self, clause: Clause, before: bool) -> bool:
    """Whether a clause is about a reason or a chance; one
    that begins with a deed goes on like the clause before it."""
    if before and clause.parts[0].kind in ('do', 'did'):
      return True
    return clause.has('perhaps') or clause.has('for', 'because')

  def _take(self, clause: Clause, main: Goals, aims: list[Goal]) -> list[Goal]:
    """Takes in a clause; returns what the next one may be for."""
    if clause.has('die'):
      self.tree.die(clause.t1)
    elif clause.has('drop') or clause.has('fail'):
      self._give_up(clause, main)
    elif clause.has('not'):
      return []
    elif clause.has('needs'):
      self._need(clause, main)
    elif self._tells_of_end(clause, main):
      self._finish(clause, main)
    elif main and self._tells_of_wish(clause, main[0][0]):
      self._want(clause, main, aims)
    elif not main:
      return aims
    return []

  def _give_up(self, clause: Clause, main: Goals) -> None:
    status: Status = 'failed' if clause.has('fail') else 'abandoned'
    open_ = self.tree.open
    named = [x for x, _ in main if x in open_]
    goal = named[0] if named else self.tree.top
    if not main and self._just_wished(clause):
      self._note(self.tree.belated(status), clause)
    elif goal and (named or not main):
      self._note(self.tree.end(goal, clause.t1, status), clause)

  def _need(self, clause: Clause, main: Goals) -> None:
    """'The pickaxe needs wood': before the verb is what the rest is for."""
    verb = next(x.i for x in clause.parts if x.kind == 'needs')
    before = [x for x, y in main if y.i < verb]
    after = [(x, y) for x, y in main if y.i > verb]
    last = self._last[1].goal if self._last else None
    if last in [x for x, _ in after]:
      self._explain(clause, before)
      return
    if before:
      self.tree.want(before[0], self._since(clause.t0))
    if len(after) == 1:
      self._want(clause, after, before[:1])

  def _tells_of_end(self, clause: Clause, main: Goals) -> bool:
    if clause.has('want'):
      return False
    if any(x.past for x in clause.main) or clause.has('sign'):
      return True
    if clause.has('look', 'that') and main and main[0][1].number:
      return main[0][0] in self.tree.open and main[0][1].number > 1
    if clause.has('look'):
      return False
    if clause.has('done', 'have'):
      return any(x in self.tree.open for x, _ in main)
    return clause.has('done')

  def _finish(self, clause: Clause, main: Goals) -> None:
    """What was reached: what is named, or what lies on top."""
    goals = [x for x, _ in main]
    goals += self._deed_done(clause)
    for verb in clause.values('sign'):
      goals += [x for x in self.tree.open[::-1] if x.verb == verb][:1]
    sure = clause.has('done', 'sure') or clause.has('done', 'enough')
    weak = clause.has('done', 'weak') and len(clause.text.split()) <= 3
    again = clause.t0 - self._ended < ECHO
    if not goals and self.tree.top and (sure or weak) and not again:
      goals = [self.tree.top]
    for goal in goals:
      self._note(self.tree.done(goal, clause.t1), clause)
      self._ended = clause.t1

  def _just_wished(self, clause: Clause) -> bool:
    """Whether the last wish is so recent that 'forget it' is about what was
    before it."""
    return self._last is not None and clause.t0 - self._last[0] < QUICK

  def _deed_done(self, clause: Clause) -> list[Goal]:
    """The open goal that 'crafted' or 'planted' ends, without its thing."""
    ways = [x.way for x in clause.main if x.past and not x.thing]
    return [
      goal
      for goal in self.tree.open[::-1]
      for way in ways
      if self.lexicon.goal(way, goal.object) == goal
    ][:1]

  def _tells_of_wish(self, clause: Clause, goal: Goal) -> bool:
    if clause.has('want') or clause.has('today'):
      return True
    if clause.has('done', 'have'):
      return False
    if clause.has('look'):
      # What is seen is wanted if it is just what is needed.
      return not clause.has('look', 'is') and any(
        self.tree.helps(goal, x) for x in self.tree.open[-1:]
      )
    if clause.has('start', 'they'):
      return False
    if clause.has('do'):
      # 'Stones make shelters' is true at any time.
      first = next(x.kind for x in clause.parts if x.kind in ('thing', 'do'))
      return first == 'do' and not clause.has('start', 'you')
    several = clause.count('thing') > 1  # 'plants give food'
    stray = clause.count('word') + several < STRAY
    return stray and (clause.main[0].number or 1) == 1

  def _want(self, clause: Clause, main: Goals, aims: list[Goal]) -> None:
    if self._is_aim(clause, main[0][0]):
      self._note(self.tree.aim(main[0][0], clause.t0), clause)
      return
    self._ended = -ECHO
    listed = clause.has('want') and main[0][1].way in ('', 'get')
    for i, (goal, found) in enumerate(main[:1] if listed else main):
      t = self._since(clause.time(found.i) if i else clause.t0)
      node = self.tree.want(goal, t, aims, found.number)
      if aims and node.parent is not None and not i:
        self._note(self.tree.branches[node.parent], clause)
      node.group = clause.t0
      self._last = clause.t1, node
      node.count = node.count or found.number
      self._note(node, clause)

  def _since(self, t: float) -> float:
    """When that began what was said at `t`: after a pause right then, and
    else a little before, as words take longer than many deeds."""
    return max(self._breath, t - LAG)

  def _is_aim(self, clause: Clause, goal: Goal) -> bool:
    """Whether the whole video is about `goal`."""
    if clause.t0 - self._start > INTRO:
      return False
    needs = bool(self.lexicon.needs(goal)) or goal == self.lexicon.root
    if clause.has('today'):
      return needs
    final = needs and not self.lexicon.serves(goal)
    return final and clause.t0 - self._today < SOON

  def _note(self, node: Branch | None, clause: Clause) -> None:
    if node is not None:
      node.evidence.append((clause.t0, clause.t1, clause.text))

  def _remember(self, clause: Clause) -> None:
    if clause.has('today'):
      self._today = clause.t1
    self._names.remember(clause)
