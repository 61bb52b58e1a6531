"""Crafter ten times faster: the rules, numbers and pictures of the `crafter`
package, with its hot paths written anew. `game.Game` is the entrance.
"""

from embodied.envs.fast_crafter import compiled

# Before anything imports `opensimplex`, which compiles with numba, too.
compiled.keep()
