"""The supervisord engine: its processes are supervisord's programs, started and stopped over its XML-RPC."""
