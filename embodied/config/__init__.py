"""Settings from YAML blocks and flags, with types that are checked."""

from embodied.config.config import BAD_YAML as BAD_YAML
from embodied.config.config import Config as Config
from embodied.config.config import UnknownKeyError as UnknownKeyError
from embodied.config.config import diff as diff
from embodied.config.config import load_blocks as load_blocks
from embodied.config.config import resolve as resolve
