"""Steps stored on disk, and batches of windows sampled from them.

Data from elsewhere become a replay, step by step in their order:

    import numpy as np
    from embodied.replay import Replay

    replay = Replay(length=1, capacity=10**9, directory='logdir/mine')
    for picture, reward, action, first, last, dead in steps:
      step = {
        'image': picture,              # uint8 [64, 64, 3]
        'reward': np.float32(reward),  # that came with the picture
        'is_first': first,             # of its episode
        'is_last': last,
        'is_terminal': dead,           # False if it was only cut off
        'action': np.int32(action),    # chosen next; 0 in the last step
      }
      replay.add(step, worker=0)
    replay.close()

Keys, dtypes and shapes of observations and actions are those of a task,
`obs_space` and `act_space` of `ponderdream.make_env(TASK)`, without `reset`
and `log/...`. An agent of that task learns from them with `--task TASK --data
logdir/mine`.
"""

from embodied.replay.replay import Replay as Replay
