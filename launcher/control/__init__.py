"""Speak to a running launcher: `from launcher.control.client import Client`."""
