"""The Battle Factory of Pokemon Emerald. Start at `environment`."""
