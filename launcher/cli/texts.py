"""What the command line says of itself: a line, a paragraph and examples for each command. A part of the product."""

from __future__ import annotations

DESCRIPTION = """\
Starts services in dependency order, waits until each is ready, keeps them running, and takes them down.
Services are described once, in profiles/NAME.toml, or in a Procfile."""

EPILOG = """\
  launcher start                 start the profile dev (or the Procfile) and stay with it
  launcher start full --detach --wait
  launcher status; launcher why worker; launcher stop

Exit status: 0 done, 1 a service failed, 2 bad usage or profile, 3 nothing is running, \
4 start-up failed and was rolled back or a wait timed out, 130/143 interrupted."""

#: Each command: its line in the list, what it does, examples.
TEXTS = {
    "start": (
        "start services, in order, and stay with them",
        (
            "Starts the profile's services and what they depend on, each when its gates are open, and shows their "
            "output. When a required one fails to become ready, what this start began is stopped again. Where a "
            "launcher of the profile runs already, starts what is missing there and follows it. Ctrl-C stops "
            "everything in reverse order. With --engine supervisord the same happens under a supervisord of its own."
        ),
        (
            "launcher start\nlauncher start full --detach --wait\nlauncher start --services catalog,orders\n"
            "launcher start prod --engine supervisord --wait"
        ),
    ),
    "run": (
        "run a command in the services' environment",
        (
            "Runs it where you are, with what the env files say (of a profile: its env too; with --service NAME: all "
            "that this service gets). Its exit status is that of the command."
        ),
        "launcher run python manage.py shell\nlauncher run --service api -- printenv PORT",
    ),
    "check": (
        "check the Procfile, or the profile",
        "Of a Procfile: lists its processes on standard error. Of a profile: as `config check`.",
        "launcher check\nlauncher check -f Procfile.dev",
    ),
    "stop": (
        "stop services, or everything",
        (
            "Without names: stops everything in reverse order, and the launcher ends. With names: these only, after "
            "the dependents whose edge says on_loss = stop."
        ),
        "launcher stop\nlauncher stop worker",
    ),
    "restart": (
        "restart services",
        (
            "Stops and starts services, and dependents whose edge says on_loss = restart. A service whose gates could "
            "not open again is left as it is; --force starts what it depends on, too. One that shares its process "
            "(docs/merging.md) starts anew beside itself, its code imported anew."
        ),
        "launcher restart orders",
    ),
    "status": (
        "show every service: state, reason, port, health, resources",
        "",
        "launcher status\nlauncher status --json",
    ),
    "logs": (
        "show what services printed",
        (
            "The last lines of each, in the order of their times; -f goes on until Ctrl-C or the launcher's end. "
            "Reads the log files, rotated ones too, whether or not the launcher runs."
        ),
        "launcher logs -n 100 orders\nlauncher logs -f\nlauncher logs --since 10m --grep 'ERROR|WARN' orders",
    ),
    "wait": (
        "wait until services are ready",
        "Returns when all are ready or completed; exit status 1 when one never will be, 4 after --timeout.",
        "launcher wait web --timeout 30",
    ),
    "probe": (
        "check services now",
        (
            "Has the running launcher make each service's health check once, beside those it makes by itself, and "
            "prints the probe, the answer and the time it took. Exit status 1 when one is not healthy. A log or notify "
            "probe cannot be asked: the last that was heard is printed."
        ),
        "launcher probe api",
    ),
    "why": (
        "explain the state of a service",
        (
            "Walks the chain of causes: its state and reason, what it waits for, down to the exit code, the last "
            "check's answer, the last lines that it printed, and who holds its port."
        ),
        "launcher why worker",
    ),
    "events": (
        "follow every change as it happens",
        "The states now, then each change until the launcher ends. --json: one object a line, as docs/api.md has them.",
        "launcher events\nlauncher events --json api | jq .news.state",
    ),
    "history": (
        "show what happened to services, and how well they did",
        "Changes of state, when a service was down and why, uptime and mean time to recovery; also of what is over.",
        "launcher history\nlauncher history catalog --since 1h\nlauncher history --json",
    ),
    "timeline": (
        "show how the last start-up went, and what would make it shorter",
        (
            "A waterfall: who waited for whom, how long each took to start, and which of them decided how long all "
            "took (the critical path, marked *). docs/timeline.md explains it."
        ),
        "launcher timeline\nlauncher timeline --svg start.svg\nlauncher timeline --trace start.json",
    ),
    "doctor": (
        "check the machine, the project, and what earlier runs have left behind",
        (
            "Python and its versions, ports, stale sockets, orphans, limits, the clock, disk space, secrets written "
            "in profiles: each finding with its remedy. Nothing is changed. Exit status 1 if something is bad."
        ),
        "launcher doctor\nlauncher doctor --profile full --json",
    ),
    "plan": ("show what a start would do", "Nothing is started.", "launcher plan\nlauncher plan full --json"),
    "measure": (
        "run a profile in each mode, and compare start-up, memory and latency",
        (
            "One mode after the other, each in a temporary run folder, on the profile's ports: multi, single, forked "
            "and what auto chooses, as far as the profile allows. The profile must not be running. start-up: from the "
            "command until all are ready; CPU: what the services have used by then; memory: after 200 requests to each "
            "that speaks HTTP (at its health's path, or /), of which latency is the median. docs/merging.md "
            "says more."
        ),
        "launcher measure full\nlauncher measure full --timeout 30 --json",
    ),
    "graph": (
        "show who depends on whom",
        "",
        "launcher graph\nlauncher graph --dot | dot -Tsvg > graph.svg",
    ),
    "config": (
        "show, check and describe profiles",
        (
            "show: the resolved profile as TOML (secrets masked). check: all problems of all files; with "
            "--imports also of the apps: each is imported by its own Python, and routes that never answer are named. "
            "schema: the JSON Schema, for editors."
        ),
        "launcher config check --imports\nlauncher config show --origin\nlauncher config schema > profile.schema.json",
    ),
    "import": (
        "turn a Procfile, Compose, process-compose or supervisord file into a profile",
        (
            "Prints the profile, or writes it with -o. What cannot be carried over is told on standard error, line by "
            "line; --strict makes that an error. docs/import.md says what becomes of each key."
        ),
        (
            "launcher import Procfile -o profiles/dev.toml\n"
            "launcher import compose.yaml -o profiles/imported.toml && launcher config check --profile imported"
        ),
    ),
    "export": (
        "write the plan as the files of another tool",
        (
            "FORMAT: procfile, supervisord, systemd, compose, merged, runit, upstart, or one that is installed "
            "besides. "
            "Without a LOCATION: to standard output. What the target cannot hold is told on standard error. With a "
            "Procfile as the source, and without --launcher, honcho's own exporters and templates are used."
        ),
        (
            "launcher export supervisord --profile prod | head\nlauncher export systemd deploy/ --profile prod\n"
            "launcher export procfile Procfile --profile prod --check"
        ),
    ),
    "merge": (
        "write one module with every app of the profile as one ASGI app",
        (
            "Short for `launcher export merged`. Each app has its prefix, its environment and its bounds; the order is "
            "the profile's. Any ASGI server serves it, where launcher is installed. It is to stand in the project's "
            "folder."
        ),
        "launcher merge shop_app.py --profile full && uvicorn shop_app:app",
    ),
    "install": (
        "have systemd keep an exported supervisord running, from boot on",
        (
            "Writes a systemd unit for what `launcher export supervisord DIR` wrote; it runs as the owner of the run "
            "folder. Enables and starts nothing that is not asked for. docs/production.md has the whole way."
        ),
        (
            "launcher export supervisord deploy/ --profile prod\nlauncher install deploy/\n"
            "sudo venv/bin/launcher install deploy/ --enable --start"
        ),
    ),
    "uninstall": (
        "remove the unit that install wrote",
        "What runs is stopped, in reverse order, and what is enabled disabled. The export and its data stay.",
        "launcher uninstall deploy/\nlauncher uninstall --name launcher-shop-prod",
    ),
    "explain": ("explain an error code", "Without a code: lists them all.", "launcher explain E1004"),
    "version": ("print the version", "", ""),
    "help": ("show the help of a command", "", "launcher help start"),
}
