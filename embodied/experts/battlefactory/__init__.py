"""An expert for the Battle Factory that says its goals. Start at `expert`."""
