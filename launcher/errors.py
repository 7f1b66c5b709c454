"""Every error a user can meet: its code, its sentence, its cause and what to do about it.

A problem is an exception object whether it is raised or collected: `profile/` gathers many of them and raises one
`ProblemsFound`. Only `cli/main.py` catches and prints. The class says what *kind* of problem it is (code, cause,
remedy: what `launcher explain CODE` tells); the object says what happened here (sentence, where, remedy at hand).

This module knows no other module of the project.
"""

from __future__ import annotations

from typing import ClassVar

CATALOGUE: dict[int, type[LauncherError]] = {}


class LauncherError(Exception):
    """A problem put as a sentence to a tired person.

    `where` is `file:line` (or the variable or flag it came from), `remedy` is what to do in this very case and
    replaces the class's general one.
    """

    code: ClassVar[int] = 0
    status: ClassVar[int] = 2
    title: ClassVar[str] = ""
    cause: ClassVar[str] = ""
    general_remedy: ClassVar[str] = ""

    def __init__(self, sentence: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.where = where
        self.remedy = remedy or type(self).general_remedy

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "code" in cls.__dict__:
            if cls.code in CATALOGUE:
                raise TypeError(f"code {cls.code} is taken by {CATALOGUE[cls.code].__name__}")
            CATALOGUE[cls.code] = cls

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.sentence}"


class ProblemsFound(LauncherError):
    """Several problems at once, each with its own code, in the order of their files and lines."""

    def __init__(self, problems: list[LauncherError], warnings: list[Caution] | None = None) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = problems
        self.warnings = warnings or []


class Caution:
    """A warning (`W1009`): something is odd or will be lost, and the work goes on."""

    __slots__ = ("code", "sentence", "where")

    def __init__(self, code: int, sentence: str, *, where: str = "") -> None:
        self.code = code
        self.sentence = sentence
        self.where = where

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"W{self.code} {place}{self.sentence}"


class InternalError(LauncherError):
    code = 9999
    status = 70
    title = "internal error"
    cause = "The launcher met a case its authors did not foresee: the fault is ours, not yours."
    general_remedy = "Run the command again with --debug and report what it prints."


# 1xxx: the profile ---------------------------------------------------------------------------------------------


class ProfileError(LauncherError):
    """Something in a profile's files, or in what overrides them."""


class ProfileNotFound(ProfileError):
    code = 1001
    title = "no such profile"
    cause = "The profile named (or the default one, `dev`) has no file `profiles/NAME.toml` in the project."
    general_remedy = "Name one of the profiles that exist, or write profiles/NAME.toml."


class ProfileUnreadable(ProfileError):
    code = 1002
    title = "profile cannot be read"
    cause = "The file is a directory, is missing, is not UTF-8, or its permissions forbid reading it."
    general_remedy = "Check the path and the permissions of the file."


class TomlSyntax(ProfileError):
    code = 1003
    title = "broken TOML"
    cause = "The file is not valid TOML; the line and column say where reading stopped."
    general_remedy = "Mend the line shown: strings need quotes, tables square brackets, and a key stands once only."


class UnknownKey(ProfileError):
    code = 1004
    title = "unknown key"
    cause = "No key of this name exists at this place; a misspelt key would otherwise have no effect, silently."
    general_remedy = "Use the name suggested, or see `launcher config schema` and docs/profile.md for every key."


class WrongType(ProfileError):
    code = 1005
    title = "wrong type or value"
    cause = "The value is not of the type, or not in the range, that the key takes."
    general_remedy = "See docs/profile.md for what the key takes."


class NotInThisVersion(ProfileError):
    code = 1006
    title = "not in this version"
    cause = "The key or value is planned but has no effect yet; nothing is accepted and then ignored."
    general_remedy = "Remove the key, or use a version of launcher that has it."


class VariableUnset(ProfileError):
    code = 1007
    title = "variable is not set"
    cause = "A `${NAME}` or `${NAME:?message}` refers to a variable that is nowhere set."
    general_remedy = "Set the variable in the environment, an env_file or [env], or give a default: ${NAME:-value}."


class BadReference(ProfileError):
    code = 1008
    title = "bad reference"
    cause = "A dotted `${services.NAME.url}` names a service or an attribute that does not exist, or is malformed."
    general_remedy = "Use ${services.NAME.url|address|host|port|urls} of a service that has a port."


class ContradictoryKeys(ProfileError):
    code = 1009
    title = "keys contradict each other"
    cause = "Two keys that exclude each other are both set, or one is missing that another needs."
    general_remedy = "Keep one of them; docs/profile.md says which go together."


class EnvFileMissing(ProfileError):
    code = 1010
    title = "env_file missing"
    cause = "A file named in env_file does not exist or cannot be read."
    general_remedy = "Create the file, or take its name out of env_file."


class ExtendsCycle(ProfileError):
    code = 1011
    title = "profiles extend each other"
    cause = "Following `extends` leads back to a profile already being read."
    general_remedy = "Take one of the profiles named out of `extends`."


class BadOverride(ProfileError):
    code = 1012
    title = "bad --set or LAUNCHER__ override"
    cause = "An override must have the form PATH=VALUE, with a value as TOML would have it."
    general_remedy = "For example: --set services.api.port=9000 --set 'services.api.command=\"run me\"'."


class FolderMissing(ProfileError):
    code = 1013
    title = "directory missing"
    cause = "The `directory` (or a `pythonpath` entry) of a service does not exist."
    general_remedy = "Create the directory, or correct the path: it is relative to the project."


class ProcfileSyntax(ProfileError):
    code = 1014
    title = "broken Procfile"
    cause = "A line of the Procfile is not of the form `name: command`, or a name stands twice."
    general_remedy = "Write one `name: command` a line; names are letters, digits, _ and -."


class AmbiguousName(ProfileError):
    code = 1015
    title = "a profile and a service share the name"
    cause = "The first word could mean either the profile or the service."
    general_remedy = "Say which: --profile NAME or --services NAME."


class NoProject(ProfileError):
    code = 1016
    title = "no project here"
    cause = "Neither this folder nor one above it has profiles/, [tool.launcher] in pyproject.toml, or a Procfile."
    general_remedy = "Go to the project, name it with -C DIR, or write profiles/dev.toml."


class UserUnusable(ProfileError):
    code = 1017
    title = "user cannot be used"
    cause = "The `user` of a service does not exist here, or the launcher may not become that user."
    general_remedy = "Correct the name, take `user` out, or run the launcher as root."


class InterpreterMissing(ProfileError):
    code = 1018
    title = "interpreter missing"
    cause = "The `python` that is to serve an `app` does not exist or cannot be executed."
    general_remedy = "Make the environment (`python3 -m venv .venv`), or correct `python`, relative to the project."


class ProcfileError(ProfileError):
    """What honcho refuses too, with its exit status."""

    status = 1


class ProcfileMissing(ProcfileError):
    code = 1021
    title = "no such Procfile"
    cause = "The Procfile named by -f, or by PROCFILE in the environment or an env file, is no file."
    general_remedy = "Correct the name: it is relative to the folder of -d, else to where you are."


class UnknownProcess(ProcfileError):
    code = 1022
    title = "no such process in the Procfile"
    cause = "A process named on the command line is not in the Procfile."
    general_remedy = "Use one of the names that `launcher check` lists."


class BadPort(ProcfileError):
    code = 1023
    title = "PORT is no port"
    cause = "PORT in an env file, the flag --port, or PORT in the environment is not a number."
    general_remedy = "Give the first port as a number, for example 5000."


# 2xxx: the plan and its services -------------------------------------------------------------------------------


class PlanError(LauncherError):
    """The services, taken together, cannot be started as they are described."""


class UnknownDependency(PlanError):
    code = 2001
    title = "unknown dependency"
    cause = "A service depends on one that the profile does not have."
    general_remedy = "Correct the name in depends_on, or add the service."


class DependencyCycle(PlanError):
    code = 2002
    title = "dependency cycle"
    cause = "Services depend on each other in a circle, so none of them can be the first."
    general_remedy = "Take one of the edges named out of depends_on."


class UnknownService(PlanError):
    code = 2003
    title = "unknown service"
    cause = "No service or instance of this name is in the profile."
    general_remedy = "Use one of the names that `launcher plan` lists."


class PortConflict(PlanError):
    code = 2004
    title = "two services on one port"
    cause = "Two instances ask for the same port number (an instance i has port + i - 1)."
    general_remedy = 'Give one of them another number, or port = "auto".'


class PortTaken(PlanError):
    code = 2005
    title = "port taken"
    cause = "Another process listens on the port that a service asks for by number."
    general_remedy = 'Stop that process, choose another number, or use port = "auto".'


class PortsExhausted(PlanError):
    code = 2006
    title = "no free port left"
    cause = "Every port of the range in [launcher] ports is taken."
    general_remedy = 'Widen the range, for example ports = "8000-8999".'


class ImpossibleGate(PlanError):
    code = 2007
    title = "a gate that can never open"
    cause = (
        "The condition asks of the dependency what it never becomes: `completed` of a service, "
        "`healthy` without a health check."
    )
    general_remedy = "Use a condition the dependency can meet, or give it a health check."


class NothingToStart(PlanError):
    code = 2008
    title = "nothing to start"
    cause = "The profile, or the selection, has no service."
    general_remedy = "Add a [services.NAME] table, or name a service that exists."


class PlanUnreadable(PlanError):
    code = 2009
    title = "plan cannot be read"
    cause = "The file is no plan, or was written by an incompatible version."
    general_remedy = "Write it anew with `launcher plan --json`."


class CommandRefused(PlanError):
    code = 2010
    status = 1
    title = "command refused"
    cause = "A gate that the restarted service needs cannot open, so stopping it now would leave it down."
    general_remedy = "Start what it depends on first, or use --force, which starts that, too."


# 3xxx: processes -----------------------------------------------------------------------------------------------


class ProcessError(LauncherError):
    """A process that cannot be started, or that did not do what it should."""

    status = 1


class CommandNotFound(ProcessError):
    code = 3001
    title = "command not found"
    cause = "The program is not on the PATH of the service, or the file does not exist."
    general_remedy = "Install it, correct the command, or set PATH in the service's env."


class NotExecutable(ProcessError):
    code = 3002
    title = "not executable"
    cause = "The file exists but may not be executed."
    general_remedy = "chmod +x the file, or start it through its interpreter."


class SpawnFailed(ProcessError):
    code = 3003
    title = "process could not be started"
    cause = "The operating system refused to start the process."
    general_remedy = "The sentence carries the system's own reason (limits, user, memory, directory)."


class ServiceFailed(ProcessError):
    code = 3004
    title = "service failed"
    cause = "The service ended with a code that is not a success, and its restart policy has nothing left to try."
    general_remedy = "See its last lines (`launcher logs NAME`) and `launcher why NAME`."


class InterpreterLacksServer(ProcessError):
    code = 3005
    title = "interpreter cannot serve the app"
    cause = "The Python that serves an `app` service has no uvicorn installed."
    general_remedy = "Install uvicorn into that environment (`PYTHON -m pip install uvicorn`), or set `python`."


class StartRolledBack(ProcessError):
    code = 3006
    status = 4
    title = "start-up rolled back"
    cause = "A required service did not become ready, so what this start-up had started was stopped again."
    general_remedy = "Mend the service named, or mark it required = false."


# 4xxx: health --------------------------------------------------------------------------------------------------


class HealthError(LauncherError):
    """A service that does not become, or stay, ready."""

    status = 4


class ReadyTimeout(HealthError):
    code = 4001
    title = "not ready in time"
    cause = "The health check did not succeed within ready_timeout."
    general_remedy = "Raise ready_timeout, or see why the check fails: `launcher why NAME`."


class WaitTimeout(HealthError):
    code = 4002
    title = "wait timed out"
    cause = "The services waited for were not ready within the time given."
    general_remedy = "`launcher status` shows what is missing, `launcher why NAME` its reason."


class NotifySocketUnavailable(HealthError):
    code = 4003
    title = "notify socket cannot be bound"
    cause = "The socket on which a service with `health.notify` says READY=1 could not be made."
    general_remedy = "Make room or correct the permissions of the run folder, or choose another one with --run-dir."


# 5xxx: engines -------------------------------------------------------------------------------------------------


class EngineError(LauncherError):
    """An engine that cannot do what is asked of it."""

    status = 1


class EngineCannot(EngineError):
    code = 5001
    title = "the engine cannot do that"
    cause = "The command asks for something the service's engine does not offer."
    general_remedy = "docs/profile.md says which engine keeps which key."


class SocketUnavailable(EngineError):
    code = 5002
    title = "socket cannot be bound"
    cause = "The listening socket that the launcher holds for a service could not be bound."
    general_remedy = "Free the port or choose another one."


# 60xx: export ---------------------------------------------------------------------------------------------------


class ExportError(LauncherError):
    """A plan that cannot be turned into another tool's files, or files that cannot be written."""


class UnknownFormat(ExportError):
    code = 6001
    title = "unknown export format"
    cause = "No exporter of this name is installed."
    general_remedy = "`launcher export --help` lists the formats."


class LocationUnusable(ExportError):
    code = 6002
    status = 1
    title = "location cannot be used"
    cause = "The location of an export is a file where a folder is needed, or cannot be written."
    general_remedy = "Name a folder that can be written; without one, the export goes to standard output."


class EditedByHand(ExportError):
    code = 6003
    status = 1
    title = "exported file was edited"
    cause = "The file carries the mark of an export, but its content is no longer what was exported."
    general_remedy = "Carry the edit over into the profile, or overwrite it with --force."


class NotExported(ExportError):
    code = 6004
    status = 1
    title = "file is not from an export"
    cause = "A file of this name is there, and it does not carry the mark that every exported file has."
    general_remedy = "Choose another location, or overwrite it with --force."


class SecretExported(ExportError):
    code = 6005
    title = "secret in an export"
    cause = "A secret value is part of what would be exported; files of an export are copied, committed and shown."
    general_remedy = "Take it from an env_file or the environment, or use --with-secrets LOCATION (files of mode 0600)."


class NotExportable(ExportError):
    code = 6006
    title = "value cannot be exported"
    cause = "The target has no way to give this text to the process as it is; a changed one would be worse than none."
    general_remedy = "Change the value, or keep it in a file that the service reads."


class FeatureLost(ExportError):
    code = 6007
    title = "feature lost in the export"
    cause = "The profile asks for something that the target of the export has no means for."
    general_remedy = "Leave --strict out to export all the same, choose another target, or run it with launcher."


class NameChanged(ExportError):
    code = 6008
    title = "name changed in the export"
    cause = "The target cannot take the name, or another part of the export has it already."
    general_remedy = "Rename the service where the new name disturbs."


class OutOfDate(ExportError):
    code = 6009
    status = 1
    title = "export is out of date"
    cause = "The files on disk are not what the profile would be exported to now; the diff shows how they differ."
    general_remedy = "Export again, without --check."


class ExporterUnavailable(ExportError):
    code = 6010
    title = "exporter cannot be used"
    cause = "honcho's exporters need jinja2, which is not installed, or the templates given do not work."
    general_remedy = "Install it: python -m pip install 'launcher[export]'."


class SuppliedOutside(ExportError):
    code = 6011
    title = "value is left to the target's environment"
    cause = "The export names a variable without its value: it is secret, or comes from an env file the target ignores."
    general_remedy = "Give the target's own process these variables; a service that lacks a secret refuses to start."


class OtherSupervisord(ExportError):
    code = 6012
    title = "another supervisord is first on PATH"
    cause = "Its Python cannot import launcher, which the exported configuration needs; it would refuse to start."
    general_remedy = "Call the supervisord of launcher's own environment, or export with --plain."


# 61xx: import ---------------------------------------------------------------------------------------------------


class ImporterError(LauncherError):
    """Turning another tool's file into a profile."""


class NotCarriedOver(ImporterError):
    code = 6101
    title = "something could not be carried over"
    cause = "The imported file says something that a profile has no key for, or that has no meaning without containers."
    general_remedy = "See docs/import.md for what becomes of each key; without --strict the rest is imported."


class MeansSomethingElse(ImporterError):
    code = 6102
    title = "something means a little less, or more, than before"
    cause = "The imported value has a counterpart in a profile that does not mean quite the same; the line says how."
    general_remedy = "Look at the value in the new profile; without --strict it is a warning only."


class ImportUnreadable(ImporterError):
    code = 6103
    title = "file to import cannot be read"
    cause = "The file is missing, a folder, not UTF-8, or its permissions forbid reading it."
    general_remedy = "Check the path and the permissions of the file."


class ImportSyntax(ImporterError):
    code = 6104
    title = "file to import is broken"
    cause = "The file is not what its format asks for, so the tool it was written for would refuse it too."
    general_remedy = "Mend the line shown."


class UnknownImportFormat(ImporterError):
    code = 6105
    title = "format of the file is not known"
    cause = "Neither the name nor the content of the file tells which tool it belongs to, or --format names none."
    general_remedy = "Say which it is: --format procfile, compose, process_compose or supervisord."


class ImportTargetExists(ImporterError):
    code = 6106
    title = "the profile exists already"
    cause = "The file to write is there, and an import never overwrites what may have been edited."
    general_remedy = "Choose another name, or overwrite it with --force."


class ImportTargetUnwritable(ImporterError):
    code = 6107
    title = "the profile cannot be written"
    cause = "The place named with -o is a folder, lies in something that is no folder, or may not be written."
    general_remedy = "Name a file in a folder that you may write to, such as profiles/NAME.toml."


class NothingToImport(ImporterError):
    code = 6108
    title = "nothing in the file can run as a process"
    cause = "The file has no service, or none with a command: an image alone says nothing that could be started here."
    general_remedy = "Give a service a `command`, or write the profile by hand (docs/profile.md)."


# 62xx: install --------------------------------------------------------------------------------------------------


class InstallError(LauncherError):
    """A unit of systemd that cannot be written, or not be removed."""

    status = 1


class NothingToInstall(InstallError):
    code = 6201
    title = "no export to install"
    cause = "The unit runs what `launcher export supervisord DIR` wrote, and the folder does not hold that, or not all."
    general_remedy = "Export first: launcher export supervisord DIR --profile NAME."


class UnitNotOurs(InstallError):
    code = 6202
    title = "unit is not from launcher"
    cause = "A unit of this name is there, and `launcher install` did not write it."
    general_remedy = "Choose another name with --name."


class UnitEdited(InstallError):
    code = 6203
    title = "unit was edited"
    cause = "`launcher install` wrote the unit, and somebody has changed it since."
    general_remedy = "Keep the change with `systemctl edit`, in a file of its own, and repeat the command with --force."


class UnitOfAnother(InstallError):
    code = 6204
    title = "unit is that of another export"
    cause = "A unit of this name was installed for another folder, which nothing would start any more."
    general_remedy = "Choose another name with --name, or uninstall the other one first."


class NotInstalled(InstallError):
    code = 6205
    title = "no such unit is installed"
    cause = "No unit that `launcher install` wrote has this name or runs what is in this folder."
    general_remedy = "The units of the system and those of a user are apart: see --system and --user."


class SystemdRefused(InstallError):
    code = 6206
    title = "systemd does not answer, or refuses"
    cause = "systemctl cannot reach the systemd whose unit this is, or that one refuses what it was asked for."
    general_remedy = "`systemctl status` (with --user for a user's unit) tells whether it is there."


class WrongUser(InstallError):
    code = 6207
    title = "this user cannot run it"
    cause = "supervisord runs as the owner of its run folder, and only root can start services as other users."
    general_remedy = "Export as the user who is to run it."


# 7xxx: many services in one process ----------------------------------------------------------------------------


class MergeError(LauncherError):
    """Services that cannot share a process, a port or a prefix, or a shared process that is not there."""


class CannotShare(MergeError):
    code = 7001
    title = "key that a shared process cannot keep"
    cause = "User, limits, stop signal, directory and interpreter are a process's: services that share one share these."
    general_remedy = 'Take the key out, make it the same for all of them, or give the service placement = "own".'


class HostAbsent(MergeError):
    code = 7002
    status = 1
    title = "the shared process does not answer"
    cause = "A service was to be started in a process that it shares with others, and that process takes no orders."
    general_remedy = "`launcher why host.GROUP` tells what became of it; `launcher restart host.GROUP` starts it anew."


class ReplicasMerged(MergeError):
    code = 7003
    title = "replicas in a shared process are one"
    cause = "Several replicas of a service in one process would share its one event loop, and serve no faster."
    general_remedy = 'Take `replicas` out, or give the service placement = "own".'


class MergedElsewhere(MergeError):
    code = 7004
    title = "services are not merged here"
    cause = (
        "What is written for this target starts each service by itself, whatever the mode says: it takes an agent of "
        "ours to start services in one process, or to have them forked from one."
    )
    general_remedy = (
        'Nothing need be done; mode = "multi" says the same without this warning. `launcher export supervisord` has '
        "such an agent, unless it is --plain; `launcher export merged` writes one app."
    )


class Unshareable(MergeError):
    code = 7005
    title = "component that cannot share a process"
    cause = (
        "Some things a process has once: its modules by name, its Django, its working directory, the functions of the "
        "standard library. Two apps that need them to differ, or one that changes them for all, cannot be in one."
    )
    general_remedy = 'Give the service placement = "own"; what else helps stands beside the reason.'


class RenewalFailed(MergeError):
    code = 7006
    status = 1
    title = "new code did not start"
    cause = (
        "A component was to start anew beside itself, in the same or a new process, and failed: the old one goes on."
    )
    general_remedy = "Mend what its log names and restart it again; --force stops the old one first."


class PortShared(MergeError):
    code = 7020
    title = "two components on one port"
    cause = "Two components of one process listen on the same port, and not each under a prefix of its own."
    general_remedy = 'Give one of them another port (port = "auto"), or each a `prefix`.'


class PrefixTaken(MergeError):
    code = 7021
    title = "two components under one prefix"
    cause = "Two components of one port have the same prefix (a slash at its end makes no difference)."
    general_remedy = "Give one of them another `prefix`."


class AddressesOverlap(MergeError):
    code = 7022
    title = "addresses overlap"
    cause = "One component listens on all addresses of the machine, another on one of them, both on the same port."
    general_remedy = "Give one of them another port, or both the same address."


class RouteHidden(MergeError):
    code = 7023
    title = "route that never answers"
    cause = (
        "Another route of the same path and method stands before it, or all below a part of its path is mounted "
        "elsewhere: to another component, or by the app itself."
    )
    general_remedy = "Give the route or the prefix another path, or remove the route."


class AppNotImported(MergeError):
    code = 7024
    title = "app cannot be imported"
    cause = "Importing the `app` failed, ended the process or took too long; so it would when the service starts."
    general_remedy = "See what it printed; `launcher run --service NAME -- python -c 'import MODULE'` does it by hand."


class PrefixGiven(MergeError):
    code = 7025
    title = "service without a prefix in a merged app"
    cause = "A merged app has one port, so each service needs a prefix; one that has none was given its name as such."
    general_remedy = 'Give the service a `prefix` ("/" for the root), or let it be: its URL is told by the warning.'


# 9xxx: control -------------------------------------------------------------------------------------------------


class ControlError(LauncherError):
    """Speaking to a running launcher."""

    status = 3


class NothingRunning(ControlError):
    code = 9001
    title = "nothing is running"
    cause = "No launcher runs in this project (or none of the profile named)."
    general_remedy = "Start one: launcher start."


class SeveralRunning(ControlError):
    code = 9002
    status = 2
    title = "several launchers are running"
    cause = "More than one profile of this project is up, so the command needs to know which is meant."
    general_remedy = "Name one: --profile NAME."


class LauncherGone(ControlError):
    code = 9003
    title = "the launcher went away"
    cause = "The running launcher ended, or was killed, while it was being asked."
    general_remedy = "Start it again; `launcher status` tells what is left."


class BadRequest(ControlError):
    code = 9004
    status = 2
    title = "request not understood"
    cause = "The running launcher did not understand the request, most likely because it is of another version."
    general_remedy = "Stop it and start it again with this version."


class RunFolderUnusable(ControlError):
    code = 9005
    status = 1
    title = "run folder cannot be used"
    cause = (
        "The folder for sockets, state and logs cannot be written (permissions, disk full, it is a file, a long path)."
    )
    general_remedy = "Make room or correct the permissions, or choose another folder with --run-dir."


class AlreadyRunning(ControlError):
    code = 9007
    status = 2
    title = "the profile runs already"
    cause = "The command runs the profile's services itself, and two of each would use the same files and ports."
    general_remedy = "Stop it first: launcher stop."


class HistoryUnreadable(ControlError):
    code = 9020
    status = 1
    title = "history cannot be read"
    cause = "The store of the history is damaged, may not be read, or does not answer."
    general_remedy = "See that the Redis of [launcher.history] answers; a damaged history.db is replaced at a start."


class OutputUnwritable(ControlError):
    code = 9031
    status = 1
    title = "file cannot be written"
    cause = "The file that the answer was to be written to cannot be made (no such folder, permissions, disk full)."
    general_remedy = "Name another file, or - for standard output."


class NotAdmitted(ControlError):
    code = 9011
    status = 2
    title = "no valid token"
    cause = "The API listens with a token, and the request has none, or another one."
    general_remedy = "Send `Authorization: Bearer TOKEN`; the command line takes it from --token or $LAUNCHER_TOKEN."


class ForeignRequest(ControlError):
    code = 9012
    status = 2
    title = "request from elsewhere"
    cause = "The Host or Origin of the request is not the API's own: a web page may have sent it."
    general_remedy = "Use the address in [launcher.api] listen, or add the name to [launcher.api] hosts."


class NotFound(ControlError):
    code = 9013
    status = 2
    title = "no such path"
    cause = "The API has no endpoint of this path."
    general_remedy = "See docs/api.md, or GET /openapi.json."


class WrongMethod(ControlError):
    code = 9014
    status = 2
    title = "wrong method"
    cause = "The endpoint is there, but does not take this HTTP method."
    general_remedy = "See docs/api.md, or GET /openapi.json."


class ApiUnavailable(ControlError):
    code = 9015
    status = 1
    title = "the API cannot listen"
    cause = "The address in [launcher.api] listen is taken, or is none of this machine."
    general_remedy = "Free the port, choose another one, or take `listen` out."


class Usage(ControlError):
    code = 9006
    status = 2
    title = "bad usage"
    cause = "The command line is not one that launcher knows."
    general_remedy = "See launcher COMMAND --help."
