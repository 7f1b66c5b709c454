"""The recipe: from a project's files to a frozen, checked Profile.

Read it downwards: files, layers, overrides, types, defaults, checks. All problems of all files are raised in one
ProblemsFound, each with its origin. The rim that reads profiles; what it reads is judged by the pure modules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path as FilePath

from msgspec.structs import replace

from launcher.errors import (
    BadPort,
    ContradictoryKeys,
    ExtendsCycle,
    LauncherError,
    ProcfileError,
    ProcfileMissing,
    ProfileError,
    ProfileNotFound,
    UnknownProcess,
)
from launcher.profile import facts, later
from launcher.profile.checks import check
from launcher.profile.decode import Decoded, decode
from launcher.profile.derived import fill
from launcher.profile.envfile import read_env_files
from launcher.profile.files import read_text
from launcher.profile.layers import overlay, spread_defaults
from launcher.profile.loaded import Loaded
from launcher.profile.machine import Facts, Wanted
from launcher.profile.model import Profile
from launcher.profile.names import did_you_mean
from launcher.profile.origins import BUILT_IN, Leaf, Origin, Problems, Table
from launcher.profile.overrides import apply_sets, apply_variables
from launcher.profile.procfile import BASE_PORT, Expansion, parse_procfile, procfile_layer
from launcher.profile.project import LOCAL, Project
from launcher.profile.surroundings import check_surroundings, wanted

#: A Procfile that no flag says anything about.
AS_IT_STANDS = Expansion()


def load(project: Project, name: str, *, environ: Mapping[str, str], sets: Iterable[str] = ()) -> Loaded:
    """The profile `name` with everything laid over it; raises ProblemsFound."""
    problems = Problems()
    reader = _Reader(project, problems)
    reader.read(name)
    reader.read_local(name)
    return _settle(reader.merged(), problems, project, name, environ=environ, sets=sets, files=reader.files)


def load_procfile(
    project: Project,
    path: FilePath,
    *,
    name: str = "",
    environ: Mapping[str, str],
    sets: Iterable[str] = (),
    how: Expansion = AS_IT_STANDS,
) -> Loaded:
    """A Procfile as a profile `name` (default: the file's) that behaves as honcho does; raises ProblemsFound."""
    if not path.is_file():
        raise ProcfileMissing(f"{_place(project, path)} does not exist or is not a file")
    problems = Problems()
    place = _place(project, path)
    layer = Table({}, BUILT_IN)
    try:
        entries = parse_procfile(read_text(path, place), place, problems)
        known = [entry.name for entry in entries]
        for unknown in (name for name in how.first if name not in known):
            near = did_you_mean(unknown, known)
            raise UnknownProcess(f"Process type '{unknown}' does not exist in {place}{near}")
        there = tuple(file for file in how.env_files if (project.root / file).is_file())
        base = _base_port(read_env_files(project.root / file for file in there), environ, how)
        layer = procfile_layer(entries, place, base_port=base, how=replace(how, env_files=there))
        for extra in (name for name in how.concurrency if name not in known):
            sentence = f"{place} has no process `{extra}`{did_you_mean(extra, known)}: its number has no effect"
            problems.caution(UnknownProcess.code, sentence, origin=Origin("--concurrency"))
    except ProfileError as error:
        if isinstance(error, ProcfileError) and not problems:
            raise  # with honcho's exit status
        problems.include(error, origin=Origin(place))
    name = name or path.name
    return _settle(layer, problems, project, name, environ=environ, sets=sets, files=[path], is_procfile=True)


def _settle(
    merged: Table,
    problems: Problems,
    project: Project,
    name: str,
    *,
    environ: Mapping[str, str],
    sets: Iterable[str],
    files: list[FilePath],
    is_procfile: bool = False,
) -> Loaded:
    """From the merged files to the checked profile. With a file that cannot be read, checks would find ghosts."""
    is_whole = not problems
    merged = apply_variables(merged, environ, problems)
    merged = apply_sets(merged, sets, problems)
    merged = later.refuse(merged, problems)
    defaults = merged.get("defaults")
    decoded = decode(spread_defaults(merged), problems, defaults=defaults if isinstance(defaults, Table) else None)
    if not is_whole:
        problems.raise_all()
    decoded, asked, answers = _check(decoded, problems, root=str(project.root), environ=environ)
    if problems:
        problems.raise_all()
    profile = Profile(
        name=name,
        root=str(project.root),
        settings=decoded.settings,
        env=decoded.env,
        services=decoded.services,
        procfile=is_procfile,
    )
    return Loaded(
        profile=profile,
        origins=decoded.origins,
        warnings=problems.cautions,
        files=files,
        wanted=asked,
        facts=answers,
    )


def _check(
    decoded: Decoded, problems: Problems, *, root: str, environ: Mapping[str, str]
) -> tuple[Decoded, Wanted, Facts]:
    """The decoded profile with its last defaults filled in, checked by itself and against the machine."""
    full = Decoded(
        settings=decoded.settings,
        env=decoded.env,
        services={name: fill(service) for name, service in decoded.services.items()},
        origins=decoded.origins,
    )
    check(full, problems)
    asked = wanted(full)
    answers = facts.ask(asked, root=root, environ=environ)
    check_surroundings(full, answers, problems)
    return full, asked, answers


class _Reader:
    """Reads a profile and what it extends, each file once, into layers, the lowest first."""

    __slots__ = ("_done", "_layers", "_problems", "_project", "files")

    def __init__(self, project: Project, problems: Problems) -> None:
        self._project = project
        self._problems = problems
        self._layers: list[Table] = []
        self._done: set[str] = set()
        self.files: list[FilePath] = []

    def read(self, name: str, trail: tuple[str, ...] = (), asked: Origin = BUILT_IN) -> None:
        """Read `name` after all it extends; `trail` are the profiles that led here, `asked` is where."""
        if name in trail:
            circle = " → ".join((*trail[trail.index(name) :], name))
            self._problems.add(ExtendsCycle, f"profiles extend each other: {circle}", origin=asked)
            return
        if name in self._done:
            return
        self._done.add(name)
        path = self._project.profiles.get(name)
        if path is None:
            self._missing(name, asked)
            return
        layer = self._layer(path)
        if layer is not None:
            for base, origin in _extends(layer):
                self.read(base, (*trail, name), origin)
            self._layers.append(layer)

    def read_local(self, name: str) -> None:
        """Read what lies over the profile on this machine only, if anything does."""
        path = self._project.root / "profiles" / f"{name}{LOCAL}"
        if not path.exists():
            self.files.append(path)
            return
        layer = self._layer(path)
        if layer is None:
            return
        if extends := layer.get("launcher", "extends"):
            sentence = f"launcher.extends: only a profile can extend others, {path.name} is laid over one"
            self._problems.add(ContradictoryKeys, sentence, origin=extends.origin)
        self._layers.append(layer)

    def merged(self) -> Table:
        """All layers in one."""
        result = Table({}, BUILT_IN)
        for layer in self._layers:
            result = overlay(result, layer)
        return result

    def _layer(self, path: FilePath) -> Table | None:
        place = _place(self._project, path)
        self.files.append(path)
        from launcher.profile.reading import read_layer  # noqa: PLC0415  (4 ms, which a Procfile need not pay)

        try:
            return read_layer(read_text(path, place), place)
        except LauncherError as error:
            self._problems.include(error, origin=Origin(place, 1))
        return None

    def _missing(self, name: str, asked: Origin) -> None:
        there = sorted(self._project.profiles)
        sentence = f"no profile `{name}`{did_you_mean(name, there)}"
        remedy = f"There are: {', '.join(there)}." if there else f"Write profiles/{name}.toml."
        self._problems.add(ProfileNotFound, sentence, origin=asked, remedy=remedy)


def _extends(layer: Table) -> list[tuple[str, Origin]]:
    """The profiles that a file extends, and where it says so. Whatever is no name, decoding complains of."""
    node = layer.get("launcher", "extends")
    if not isinstance(node, Leaf) or not isinstance(node.value, list):
        return []
    pairs = zip(node.value, node.items, strict=True)
    return [(name, origin) for name, origin in pairs if isinstance(name, str)]


def _base_port(env: Mapping[str, str], environ: Mapping[str, str], how: Expansion) -> int:
    """Where honcho counts from: PORT of the env files, else `-p`, else $PORT, else 5000."""
    sources = ((env.get("PORT"), "PORT in an env file"), (how.port, "--port"), (environ.get("PORT"), "$PORT"))
    text, place = next((source for source in sources if source[0] is not None), (None, ""))
    if text is None:
        return BASE_PORT
    if text.strip().isdecimal():
        return int(text)
    raise BadPort(f"invalid value for port: '{text}'", where=place)


def _place(project: Project, path: FilePath) -> str:
    """A file as people name it: from the project on, where it lies there."""
    return path.relative_to(project.root).as_posix() if path.is_relative_to(project.root) else str(path)
