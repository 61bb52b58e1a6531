"""What a page holds, from the files of runs."""

import json

import numpy as np
import pytest

from embodied.errors import UsageError
from ponderdream.page import __main__ as command
from ponderdream.page import data, html, intervals, kinds, summary
from ponderdream.page.columns import Columns
from ponderdream.page.run import File, Run, order
from tests.naming import says
from tests.page import runs


@pytest.fixture
def run(tmp_path):
  return runs.write(tmp_path / 'run')


def test_a_run_by_hand(run):
  found = runs.page(run)
  (one,) = found['runs']
  assert one['notes'] == []
  episodes, metrics = one['episodes'], one['metrics']
  assert episodes['means']['episode/score'] == [*range(1, 11)]
  assert episodes['axes'] == {
    'step': [*range(100, 1100, 100)], 'updates': [*range(25, 275, 25)],
    'core': [*range(20, 220, 20)], 'wall': [*range(10, 110, 10)],
  }  # fmt: skip
  assert metrics['means']['run/steps_per_second'] == [None] + 9 * [10]
  assert metrics['lines'] == 10 and metrics['every'] == 1
  # Every episode woke up, every second one collected wood; in the tree, waking
  # up comes first.
  newest, whole = one['reached']
  assert list(newest['rates']) == ['wake_up', 'collect_wood']
  assert newest['rates']['collect_wood'] == [50.0, 23.66, 76.34]
  assert whole['of'] == 'all episodes of training'
  assert one['halting']['shares'] == [10 * [0.75]]
  (rows,) = one['logged']
  # Values 0, 1, 2, 0, 1, 2, 0, 1, 2, 0.
  assert [x['share'][0] for x in rows['rows']] == [40, 30, 30]
  low, high = intervals.wilson(4, 10)[1:]
  assert rows['rows'][0]['share'][1:] == [
    pytest.approx(100 * low, abs=0.01), pytest.approx(100 * high, abs=0.01)
  ]  # fmt: skip
  assert [x['steps'][0] for x in rows['rows']] == [1, 2, 3]
  wood = one['thought'][1]
  assert wood['name'] == 'collect_wood'
  # Episodes 1, 3, 5, 7, 9 have 2, 1, 3, 2, 1 steps, the others 1, 3, 2, 1, 3.
  assert wood['with'][0] == 1.8 and wood['without'][0] == 2.0


def test_files_are_in_the_order_of_their_steps(run):
  names = ['9000.json', '10000-greedy.json', '10000-suppress3.json']
  assert sorted(names[::-1], key=order) == [names[0], *names[1:]]
  videos = ['openloop-90000.mp4', 'openloop-100000.mp4']
  assert sorted(videos[::-1], key=order) == videos
  # What is being written, or was when a process was killed, is no file yet.
  for folder, name in (('eval', '.1000.json'), ('videos', '.part-x-5.mp4')):
    (run / folder).mkdir(exist_ok=True)
    (run / folder / name).write_bytes(b'x')
  (one,) = runs.page(run)['runs']
  assert one['notes'] == [] and one['videos'] == []


@pytest.mark.parametrize(
  'name, more',
  [
    ('random', {'random': True}),
    ('1001-suppress3', {'suppress': 3}),
    ('1001-eat-a-cow', {'goal': 'eat a cow'}),
  ],
)
def test_the_table_has_evaluations_of_the_agent_as_it_is(run, name, more):
  runs.evaluation(run)
  path = run / 'eval' / '1000.json'
  other = json.loads(path.read_text()) | {'return_mean': 1.0, **more}
  (run / 'eval' / f'{name}.json').write_text(json.dumps(other))
  cells = runs.page(run)['table']['rows'][0]['cells']
  assert cells[-2][0] == 9.0


def test_a_rate_is_of_the_episodes_that_can_have_it():
  found = {
    'episodes': 20, 'success': {'wake_up': 50.0, 'solved': 50.0},
    'success_episodes': {'wake_up': 10},
  }  # fmt: skip
  (rows,) = summary.evaluated(found)
  # 5 of 10, as of Wilson's interval by hand; and 10 of 20.
  assert rows['rates']['wake_up'] == [50, 23.66, 76.34]
  assert rows['rates']['solved'][1] > 25


def test_last_best_and_at_steps_by_hand():
  scores = Columns()
  scores.add(
    {'step': 100 * i, 'episode/score': i % 150} for i in range(1, 301)
  )
  found = summary.returns(scores)
  # Returns 1..149, 0..149, 0; the last hundred are 51..149 and 0.
  last = np.mean([*range(51, 150), 0])
  assert summary.at(found, 30_000).mean() == last
  assert summary.at(found, 10_000).mean() == np.mean(range(1, 101))
  assert summary.at(found, 500).tolist() == [1, 2, 3, 4, 5]
  assert summary.at(found, 30_001) is None and summary.at(found, 50) is None
  assert summary.best(found).mean() == np.mean(range(50, 150))
  assert summary.best((np.zeros(0), np.zeros(0))) is None


def test_runs_that_differ_by_their_seed_are_one_row(tmp_path):
  folders = [
    runs.write(
      tmp_path / f'a-seed{i}', i, range(1000, 41000, 1000), 0.001 * (i + 1)
    )
    for i in range(2)
  ]
  folders.append(runs.write(tmp_path / 'b', mode='none'))
  found = runs.page(*folders)
  assert found['groups'] == [
    {'name': 'a', 'runs': [0, 1]}, {'name': 'b', 'runs': [2]}
  ]  # fmt: skip
  assert found['differ'] == ['seed', 'ponder.mode']
  columns, (a, b) = found['table']['columns'], found['table']['rows']
  cells = dict(zip(columns, a['cells'], strict=True))
  # Means of 1..40 and of 2, 4, ..., 80: 20.5 and 41.
  assert cells['last'][0] == 30.75 and cells['last'][1:] == [20.5, 41.0, 2]
  # At step 10,000: 5.5 and 11.
  assert cells['at 10,000'][0] == 8.25 and cells['steps'] == [40000]
  assert dict(zip(columns, b['cells'], strict=True))['at 10,000'] is None


def test_the_newest_evaluation_is_in_the_table(run):
  runs.evaluation(run, 900)
  (run / 'eval' / '1000.json').write_text(
    json.dumps({'return_mean': 3.0, 'episodes': 4, 'step': 1000})
  )
  found = runs.page(run)
  cells = found['table']['rows'][0]['cells']
  assert cells[-2:] == [[3.0, None, None, 1], None]
  assert len(found['runs'][0]['players']) == 1
  (run / 'eval' / '1000.json').unlink()
  found = runs.page(run)
  assert found['table']['rows'][0]['cells'][-2] == [9.0, 8.5, 9.5, 1]
  assert found['runs'][0]['reached'][-1] == {
    'of': 'newest evaluation', 'note': 'step 900, 20 episodes',
    'rates': {
      'wake_up': [100.0, 83.89, 100.0], 'collect_wood': [50.0, 29.93, 70.07],
    },
  }  # fmt: skip


def test_what_is_missing_is_said(tmp_path):
  run = tmp_path / 'empty'
  run.mkdir()
  notes = runs.page(run)['runs'][0]['notes']
  assert says('\n'.join(notes), 'scores.jsonl')
  assert says('\n'.join(notes), 'metrics.jsonl')
  assert says('\n'.join(notes), 'config.yaml')
  # A page of it can be made.
  html.render(runs.page(run))


def test_damaged_files_are_named_and_the_rest_is_right(run):
  with (run / 'scores.jsonl').open('a') as file:
    file.write('\0\0\n{"step": 1200, "episode/score": "NaN"}\n{"step": 13')
  runs.lines(run / 'metrics.jsonl', [{'step': 1100, 'train/x': 'Infinity'}])
  runs.evaluation(run)
  (run / 'eval' / '7.json').write_text('{"return_mean": NaN, "episodes": 3}')
  (run / 'eval' / '8.json').write_text('{"return_m')
  (run / 'eval' / '9.episodes.json').write_text('{"episodes": [{}]}')
  (run / 'config.yaml').write_text('a: [1')
  found = runs.page(run)
  one = found['runs'][0]
  text = '\n'.join(one['notes'])
  assert says(text, 1, 'damaged', 'scores.jsonl')
  assert says(text, 'train/x', 'episode/score') and says(text, 'config.yaml')
  for name in ('7.json', '8.json', '9.episodes.json'):
    assert says(text, name)
  score = one['episodes']['means']['episode/score']
  assert score[:10] == [*range(1, 11)] and score[10:] == [None]
  assert one['metrics']['means']['train/x'][-1] is None
  assert len(one['players']) == 1
  html.render(found)


def test_links_are_named_and_not_followed(run):
  runs.evaluation(run)
  secret = run.parent / 'secret'
  secret.write_text('{"return_mean": 77.0, "episodes": 3}')
  (run / 'videos').symlink_to(run.parent)
  for name in ('config.yaml', 'scores.jsonl', 'eval/1000.json'):
    (run / name).unlink()
    (run / name).symlink_to(secret)
  found = runs.page(run)
  assert '77' not in json.dumps(found['table'])
  links = [x for x in found['runs'][0]['notes'] if 'is a link' in x]
  for name in ('config.yaml', 'scores.jsonl', 'videos', '1000.json'):
    assert sum(f'{name} is a link' in x for x in links) == 1
  assert len(links) == 4 and len(found['runs'][0]['players']) == 1


@pytest.mark.parametrize(
  'change',
  [
    {'reward': []}, {'reward': [1.0]}, {'halts': None}, {'events': [3]},
    {'frames': [0]}, {'log': []}, {'value': 7},
  ],
)  # fmt: skip
def test_episodes_that_are_not_whole_are_not_played(change):
  found = runs.recorded(5)
  assert kinds.playable(found)
  found['episodes'][0] |= change
  assert not kinds.playable(found)
  assert not kinds.playable(found | {'episodes': [3]})
  assert not kinds.playable(runs.recorded(5) | {'shape': [0, 1]})


def test_a_run_of_an_older_version(tmp_path):
  run = tmp_path / 'old'
  run.mkdir()
  old = [x for x in runs.metrics([100, 200], seconds=False)]
  for line in old:
    line['train/level/p/1'] = line.pop('acted/halted/1')
  runs.lines(run / 'metrics.jsonl', old)
  (one,) = runs.page(run)['runs']
  assert any('seconds' in x for x in one['notes'])
  assert one['metrics']['axes']['wall'] == [None, None]
  assert 'run/steps_per_second' not in one['metrics']['means']
  assert one['halting']['shares'] == [[0.75, 0.75]]
  assert 'earlier version' in one['halting']['note']


def test_only_what_was_appended_is_read(run):
  (one,) = runs.opened(run)
  assert not one.read()
  runs.lines(run / 'scores.jsonl', runs.scores([1100]))
  with (run / 'scores.jsonl').open('a') as file:
    file.write('{"step": 1200')
  place = one._tails['scores.jsonl'].place
  assert one.read() and one.scores.rows == 11 and not one.read()
  assert one._tails['scores.jsonl'].place > place
  # Another run took its place.
  (run / 'scores.jsonl').write_text('{"step": 5, "episode/score": 2.0}\n')
  assert one.read() and one.scores['episode/score'].tolist() == [2]


def test_evaluations_are_read_again_only_if_they_changed(run, monkeypatch):
  runs.evaluation(run)
  (one,) = runs.opened(run)
  names, read = [], File.read
  noted = lambda file: names.append(file.name) or read(file)
  monkeypatch.setattr(File, 'read', noted)
  data.page([one])
  assert sorted(names) == ['1000.episodes.json', '1000.json']
  runs.lines(run / 'scores.jsonl', runs.scores([1100]))
  assert one.read()
  data.page([one])
  assert len(names) == 2
  found = {'return_mean': 3.25, 'episodes': 4}
  (run / 'eval' / '1000.json').write_text(json.dumps(found))
  assert one.read()
  assert data.page([one])['table']['rows'][0]['cells'][-2][0] == 3.25
  assert names[2:] == ['1000.json']


def test_long_runs_are_thinned_and_points_are_kept(tmp_path):
  run = runs.write(tmp_path / 'run', steps=range(1, 5001))
  (one,) = runs.page(run)['runs']
  episodes = one['episodes']
  assert len(episodes['weight']) == 1000 and sum(episodes['weight']) == 5000
  assert episodes['means']['episode/score'][0] == pytest.approx(0.03)
  # A group stands where its last line does.
  assert episodes['axes']['step'][0] == 5
  assert episodes['every'] == 5
  assert episodes['sample']['step'][:2] == [1, 6]


def test_single_files_of_evaluations(run):
  runs.evaluation(run)
  places = [str(run / 'eval' / x) for x in ('1000.json', '1000.episodes.json')]
  found = command.opened(places)
  for each in found:
    each.read()
  first, second = data.page(found)['runs']
  assert first['name'] == '1000.json' and first['notes'] == []
  assert first['reached'] and second['players']


def test_names_are_the_ends_of_paths(tmp_path):
  names = data.names_of([tmp_path / 'a' / 'x', tmp_path / 'b' / 'x'])
  assert names == ['a/x', 'b/x']
  assert data.names_of([tmp_path / 'a', tmp_path / 'b']) == ['a', 'b']


def test_too_large_videos_are_named(run, monkeypatch):
  (run / 'videos').mkdir()
  for step in (100, 900):
    (run / 'videos' / f'report-{step}.mp4').write_bytes(bytes(step))
  (one,) = runs.page(run)['runs']
  (video,) = one['videos']
  assert video['name'] == 'report-900.mp4' and len(video['data']) == 1200
  monkeypatch.setattr(data, 'VIDEO', 500)
  (one,) = runs.page(run)['runs']
  assert not one['videos'] and says('\n'.join(one['notes']), 'report-900.mp4')


@pytest.mark.parametrize(
  'argv, words',
  [
    ([], ['run', 'LOGDIR']),
    (['nowhere'], ['nowhere']),
    (['{run}', '--names', 'a', 'b'], [1, 2, 'names']),
    (['{run}', '--nmes', 'a'], ['--nmes', "'names'"]),
    (['{run}', '--serve', '99999'], ['99999', 65535]),
    (['{run}', '--serve', 'x'], ["'x'"]),
    (['{run}', '--out', 'a', 'b'], ['--out', 2]),
    (['{run}', '--out', 'a', '--serve', '0'], ['--out', '--serve']),
  ],
)
def test_bad_input_gets_one_sentence(argv, words, run, capsys):
  assert command.main([x.format(run=run) for x in argv]) == 2
  error = capsys.readouterr().err.strip()
  assert error.startswith('Error: ') and '\n' not in error
  assert says(error, *words)


def test_without_plotly_it_says_what_to_install(monkeypatch, capsys):
  monkeypatch.setattr(html.importlib.util, 'find_spec', lambda name: None)
  assert command.main(['x']) == 2
  assert says(capsys.readouterr().err, 'Plotly', "'.[page]'")


def test_the_command_writes_beside_the_run(run, capsys):
  assert command.main([str(run)]) == 0
  path = run / 'page.html'
  assert says(capsys.readouterr().out, path)
  assert path.stat().st_size < 8e6
  with pytest.raises(UsageError):
    Run(run / 'none', 'x')
