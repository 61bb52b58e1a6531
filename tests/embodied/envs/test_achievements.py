"""Success rates and Crafter's score by hand."""

import math

import pytest

from embodied.envs import achievements
from embodied.envs.achievements import Achievements
from tests.naming import naming


def test_score_by_hand():
  # exp((ln 1 + ln 4) / 2) - 1 = 1.
  assert achievements.score([0, 3]) == pytest.approx(1.0)
  assert achievements.score([100] * 22) == pytest.approx(100)
  assert achievements.score([0] * 22) == 0
  # One of 22 always: 101^(1/22) - 1 = exp(4.61512 / 22) - 1 = 0.23341.
  assert achievements.score([100] + [0] * 21) == pytest.approx(
    0.23341, abs=1e-5
  )


@pytest.mark.parametrize('rates', [[], [-1], [101], [math.nan]])
def test_rates_that_are_none(rates):
  with pytest.raises(ValueError, match=naming('percentages', '[')):
    achievements.score(rates)


def test_an_achievement_counts_once_per_episode():
  episode = {
    'log/achievement_wake_up/max': 1.0,
    'log/achievement_wake_up/sum': 57.0,
    'log/achievement_eat_cow/max': 0.0,
    'log/hits/max': 3.0,
    'score': 2.0,
  }
  assert achievements.unlocked(episode) == {'wake_up': 1.0, 'eat_cow': 0.0}


def test_rates_go_on_from_an_earlier_process():
  rows = [(1.0, 0.0), (1.0, 1.0), (0.0, 0.0)]
  tracker = Achievements()
  tracker.load(
    [
      {'episode/score': 3.0}
      | {'episode/achievement_a': a, 'episode/achievement_b': b}
      for a, b in rows
    ]
  )
  episode = {'log/achievement_a/max': 2.0, 'log/achievement_b/max': 0.0}
  line = tracker.episode(episode)
  assert line == {'achievement_a': 1.0, 'achievement_b': 0.0}
  # Three of four, and one of four.
  assert tracker.rates() == {'a': 75.0, 'b': 25.0}
  result = tracker.result()
  assert result['success/a'] == 75.0
  assert result['success/score'] == pytest.approx((76 * 26) ** 0.5 - 1)
  assert tracker.summary()['success'] == tracker.rates()
  assert tracker.summary()['crafter_score'] == result['success/score']


def test_without_achievements_there_is_no_score():
  tracker = Achievements()
  assert tracker.episode({'score': 1.0, 'log/hits/max': 3.0}) == {}
  assert tracker.result() == {}
  assert tracker.summary() == {
    'success': {}, 'success_episodes': {}, 'crafter_score': None,
  }  # fmt: skip
