"""The history: every change of state, kept beyond the launcher's life, and what can be told from it."""
