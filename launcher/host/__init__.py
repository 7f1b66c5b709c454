"""Runs inside the process of an app; uses nothing of launcher outside this folder."""
