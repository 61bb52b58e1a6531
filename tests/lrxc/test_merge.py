"""Nothing is twice in a data set: goals, and videos."""

from ponderdream.lrxc import merge, validate
from ponderdream.lrxc.captions import Word
from ponderdream.lrxc.schema import Canonical, Episode, Evidence, Node


def node(i, parent, level, thing, t0, t1, **more):
  return Node(
    episode_id='e', node_id=i, parent_id=parent, level=level, text=thing,
    canonical=Canonical(verb='collect', object=thing), t0=t0, t1=t1,
    source='narrated', **more,
  )  # fmt: skip


def test_goals_that_go_on_are_one():
  quote = lambda x: (Evidence(t0=0.0, t1=1.0, quote=x),)
  nodes = [
    node(0, None, 0, 'root', 0.0, 99.0),
    node(1, 0, 1, 'wood', 0.0, 10.0, evidence=quote('a'), p_good=0.5,
         status='abandoned'),
    node(2, 1, 2, 'coal', 2.0, 9.0),
    node(3, 0, 1, 'wood', 14.0, 20.0, evidence=quote('b'), p_good=0.75,
         status='achieved'),
    node(4, 3, 2, 'coal', 15.0, 16.0),
    node(5, 0, 1, 'iron', 21.0, 22.0),
    node(6, 0, 1, 'wood', 23.0, 24.0),
    node(7, 0, 1, 'wood', 30.0, 31.0),
  ]  # fmt: skip
  found = merge.join(nodes)
  rows = [(x.parent_id, x.text, x.t0, x.t1, x.status) for x in found]
  assert rows == [
    (None, 'root', 0, 99, 'unknown'),
    (0, 'wood', 0, 20, 'achieved'),
    (1, 'coal', 2, 9, 'unknown'),
    (1, 'coal', 15, 16, 'unknown'),  # 6 seconds later: another one
    (0, 'iron', 21, 22, 'unknown'),
    (0, 'wood', 23, 24, 'unknown'),  # after something else
    (0, 'wood', 30, 31, 'unknown'),
  ]
  assert [x.quote for x in found[1].evidence] == ['a', 'b']
  assert found[1].p_good == 0.75
  about = Episode(
    episode_id='e', schema_version=1, source={'kind': 'human'}, n_steps=0,
    clock='seconds', **{'return': None},
  )  # fmt: skip
  validate.check_episode(about, found)


def test_roots_are_joined_too():
  nodes = [node(0, None, 0, 'wood', 0.0, 1.0),
           node(1, None, 0, 'wood', 2.0, 3.0)]  # fmt: skip
  assert len(merge.join(nodes)) == 1
  assert merge.join([]) == []


def video(name, text, manual=False):
  words = [Word(x, i, i + 1) for i, x in enumerate(text.split())]
  return merge.video(name, words, manual)


TALK = ' '.join(f'word{i}' for i in range(400))


def test_copies_are_known_by_their_words():
  cut = video('cut', ' '.join(TALK.split()[40:]))
  whole = video('whole', TALK)
  loud = video('loud', TALK.upper().replace(' ', '! '))
  other = video('other', TALK.replace('word', 'thing'))
  found = merge.copies([cut, other, loud, whole])
  assert found == {'cut': 'loud', 'whole': 'loud'}
  by_hand = video('zz', TALK, manual=True)
  found = merge.copies([whole, by_hand])
  assert found == {'whole': 'zz'}


def test_resemblance_is_about_the_share_of_common_words():
  a, b = video('a', TALK), video('b', ' '.join(TALK.split()[200:]))
  # 196 of 396 runs of five words; 128 hashes: a deviation of .044.
  assert abs(merge.resemblance(a.sketch, b.sketch) - 196 / 396) < 0.15
  assert merge.resemblance(a.sketch, a.sketch) == 1
  assert merge.copies([video('c', 'hi'), video('d', 'ho')]) == {}
