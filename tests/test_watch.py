"""What a wide terminal shows of a training."""

import numpy as np

from embodied.envs.achievements import Achievements
from ponderdream.watch import Watch, sparkline


def test_sparklines_by_hand():
  assert sparkline([0, 1, 2, 3, 4, 5, 6, 7], 80) == '▁▂▃▄▅▆▇█'
  # Means of pairs: 1, 5, 9.
  assert sparkline([0, 2, 4, 6, 8, 10], 3) == '▁▄█'
  assert sparkline([3, 3], 9) == '▁▁' and sparkline([-1.0], 9) == '▁'


def episode(watch, steps, score):
  for i, count in enumerate(steps):
    last = i == len(steps) - 1
    step = {'is_last': last, 'log/ponder_steps': np.float32(count)}
    watch.on_step(step, 0)
    watch.on_step(step, 1)  # Another environment.
  total = float(sum(steps))
  sums = {'log/ponder_steps/sum': total, 'log/ponder_steps/last': steps[-1]}
  watch.episode(sums | {'score': score, 'length': len(steps) - 1.0})


def test_returns_rates_and_the_last_thoughts():
  success = Achievements()
  watch = Watch(success.rates)
  assert watch.lines(120) == []
  nan = float('nan')
  watch.load([{'episode/score': 1.0}, {'episode/score': nan, 'step': 2.0}])
  episode(watch, [4, 4, 1], 3.0)
  episode(watch, [1, 2, 3, 9], 5.0)
  watch.on_step({'is_last': False, 'log/ponder_steps': 7}, 0)
  success.add({'eat_cow': 1.0, 'collect_wood': 0.0})
  success.add({'eat_cow': 1.0, 'collect_wood': 1.0})
  returns, ponder, thoughts, rates = (x.plain for x in watch.lines(120))
  assert returns.split() == ['return', '1.0', '5.0', '▁▄█']
  # Means 4 and 2; the thought after the last action does not count.
  assert ponder.split() == ['ponder', '2.0', '4.0', '█▁']
  assert thoughts.split() == ['thoughts', '1.0', '3.0', '▁▄█']
  words = 'success eat cow 100% collect wood 50%'
  assert rates.split() == words.split()


def test_it_fits():
  names = {f'achievement_number_{i}': float(i % 2) for i in range(22)}
  success = Achievements()
  success.add(names)
  watch = Watch(success.rates)
  for i in range(3000):
    watch.episode({'score': 1000.0 * i, 'length': 1.0})
  for width in (99, 150, 300):
    lines = watch.lines(width)
    assert 2 <= len(lines) <= 5
    assert all(x.cell_len <= width for x in lines)
