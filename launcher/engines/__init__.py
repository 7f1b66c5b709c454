"""Execute what the orchestrator decides."""
