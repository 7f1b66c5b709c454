"""Start services in dependency order, gate them on readiness, keep them running, take them down."""

__version__ = "0.1.0"
