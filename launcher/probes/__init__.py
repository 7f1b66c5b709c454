"""Check services and report verdicts."""
