"""The supervisord engine: its processes are supervisord's programs, started and stopped over its XML-RPC."""

#: Where the plugin inside supervisord listens for the agent, in the run folder.
SOCKET = "plugin.sock"
