"""Speak to a running launcher."""
