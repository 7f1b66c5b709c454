"""A plan as the files of another tool: pure functions, a file per target; only `registry` looks at the machine."""
