"""Every test runs on two CPU devices, and compiles fast rather than well."""

import os
import pathlib

FLAGS = (
  '--xla_force_host_platform_device_count=2',
  '--xla_backend_optimization_level=0',
  '--xla_llvm_disable_expensive_passes=true',
  # The older emitters take half the time to compile an update.
  '--xla_cpu_use_fusion_emitters=false',
  '--xla_cpu_parallel_codegen_split_count=1',
)
os.environ['XLA_FLAGS'] = ' '.join([os.environ.get('XLA_FLAGS', ''), *FLAGS])
os.environ['JAX_PLATFORMS'] = 'cpu'
# A program that several tests need is compiled once, and not again by the next
# run of the tests. (Commands have a folder of their own, in the home.)
CACHE = pathlib.Path(__file__).parent.parent / '.pytest_cache' / 'xla'
os.environ.setdefault('JAX_COMPILATION_CACHE_DIR', str(CACHE))
os.environ['JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS'] = '0.5'
# No axis is added silently, here and in the processes that tests start.
os.environ['JAX_NUMPY_RANK_PROMOTION'] = 'raise'

# Files that take longest come first, so that the workers end together.
LONGEST = ('test_commands.py', 'test_devices.py', 'test_step.py')


def pytest_collection_modifyitems(items):
  place = {name: i for i, name in enumerate(LONGEST)}
  items.sort(key=lambda item: place.get(item.path.name, len(LONGEST)))
