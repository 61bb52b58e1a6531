"""A video of the Crafter expert with its goals beside the picture.

    python -m scripts.experiments.expert_video --seed 3 --steps 900

Writes OUT.mp4, and OUT.png with twelve of its frames. OUT is
scripts/results/expert unless --out names another place.
"""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from embodied import files
from embodied.envs.crafter import Crafter
from embodied.experts import make_expert
from embodied.log import video
from scripts import arguments, results

SIDE, TEXT, FPS = 256, 288, 10
COLUMNS, ROWS = 3, 4


def frame(image, step, stack):
  """The picture, and beside it a line for each goal, the action last."""
  out = Image.new('RGB', (SIDE + TEXT, SIDE), 'white')
  scaled = Image.fromarray(image).resize(
    (SIDE, SIDE), Image.Resampling.NEAREST
  )
  out.paste(scaled, (0, 0))
  draw = ImageDraw.Draw(out)
  font = ImageFont.load_default(size=14)
  draw.text((SIDE + 8, 6), f'step {step}', 'gray', font)
  for level, goal in enumerate(stack):
    color = 'darkred' if level == len(stack) - 1 else 'black'
    place = SIDE + 8 + 8 * level, 30 + 26 * level
    draw.text(place, goal.text, color, font)
  return np.asarray(out)


def film(seed, steps):
  """The frames `[T, H, W, 3]` of one episode, which may end earlier."""
  env, expert = Crafter('reward', seed=seed), make_expert('crafter')
  expert.reset(seed)
  obs, frames = env.step({'action': 0, 'reset': True}), []
  while not obs['is_last'] and len(frames) < steps:
    action = expert.act(env)
    frames.append(frame(obs['image'], len(frames), expert.stack))
    obs = env.step({'action': action, 'reset': False})
  return np.stack(frames)


def sheet(frames):
  """Frames at equal distances, in rows."""
  count = COLUMNS * ROWS
  picks = frames[np.linspace(0, len(frames) - 1, count).astype(int)]
  rows = np.split(picks, ROWS)
  return np.concatenate([np.concatenate(list(row), 1) for row in rows], 0)


def main(argv):
  parser = arguments.parser(__doc__, 'expert')
  parser.add_argument('--seed', type=arguments.whole(0), default=3)
  parser.add_argument('--steps', type=arguments.count, default=900)
  args = parser.parse_args(argv)
  frames = film(args.seed, args.steps)
  path = results.named(args.out, '.mp4')
  video.write_mp4(files.beside(path, make=True), path.name, frames, FPS)
  Image.fromarray(sheet(frames)).save(results.named(args.out, '.png'))


if __name__ == '__main__':
  arguments.run(main)
