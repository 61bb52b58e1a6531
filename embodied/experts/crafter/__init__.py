"""An expert for Crafter that says its goals. Start at `expert`."""
