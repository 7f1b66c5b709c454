"""Checks of services: http, tcp, exec, log and notify probes, each of which ends in a verdict.

A verdict is posted, never acted on: what failures mean is the loop's business.
"""
