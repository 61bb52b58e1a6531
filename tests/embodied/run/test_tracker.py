from embodied.run.tracker import Logged


def test_values_of_the_environment_that_nobody_else_counts():
  tracker = Logged(('achievement_', 'ponder_steps'))
  episode = {
    'score': 1.0, 'log/rows/max': 3.0, 'log/rows/sum': 6.0,
    'log/achievement_x/max': 1.0, 'log/ponder_steps/max': 4.0,
  }  # fmt: skip
  assert tracker.episode(episode) == {'log/rows': 3.0}
  assert tracker.episode({'log/rows/max': 6.0}) == {'log/rows': 6.0}
  assert tracker.episode({'score': 1.0}) == {}
  assert tracker.summary() == {'log': {'rows': 4.5}}
