"""From a Profile to a frozen Plan."""
