"""Environments, data and bookkeeping for reinforcement learning; no JAX."""

from embodied.base import SIGNALS as SIGNALS
from embodied.base import Agent as Agent
from embodied.base import Env as Env
from embodied.base import RandomAgent as RandomAgent
from embodied.config import Config as Config
from embodied.driver import Driver as Driver
from embodied.errors import UsageError as UsageError
from embodied.space import Space as Space
from embodied.wrappers import Wrapper as Wrapper
