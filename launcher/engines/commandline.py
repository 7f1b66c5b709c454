"""What a shell command line is, seen from outside: plain words, one command, or something only a shell can run.

Plain words, in which a shell would find nothing to do but to cut them apart, need none: executed as they stand they
spare a start of `sh`, 0.5 ms of a processor. Of the rest `sh -c 'exec COMMAND'` leaves no shell standing in front of
the service (Debian's dash doesn't `exec` the last command by itself), but `exec` changes the meaning of anything but
one command. So both answers err on one side: what isn't certainly so goes to the shell verbatim. Pure; knows nothing
of files, PATH or processes.
"""

from __future__ import annotations

#: Outside quotes, each of these makes more than one command, a redirection, a subshell or a substitution.
_OPERATORS = frozenset("|&;<>()`\n")

#: A first word with one of these is not the literal name of a program (an expansion, a glob, a quote, an assignment).
_NOT_LITERAL = frozenset("$'\"\\*?[]{}~#!=")

#: Reserved words, special and regular builtins of POSIX, dash, bash and zsh: `exec` would look for a file instead.
_SHELL_WORDS = frozenset(
    """
    ! [[ ]] { } case coproc do done elif else esac fi for foreach function if in repeat select then time until while
    . : [ alias autoload bg bind bindkey break builtin caller cd chdir command compgen complete compopt continue declare
    dirs disable disown echo emulate enable eval exec exit export false fc fg getopts hash help history jobs kill let
    limit local logout mapfile noglob popd print printf pushd pwd read readarray readonly rehash return set setopt shift
    shopt source suspend test times trap true type typeset ulimit umask unalias unlimit unset unsetopt wait whence
    """.split()  # noqa: SIM905  (a page of quotes is harder to read and to extend)
)


#: Blanks, and what no shell gives a meaning to anywhere in a word (but for `=` in the first).
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:,@%+= \t")


def words_of(command: str) -> tuple[str, ...] | None:
    """The words of a command in which a shell would find nothing to do but to cut it at its blanks; None otherwise."""
    if not _PLAIN.issuperset(text := command.strip(" \t\n")):
        return None
    words = tuple(text.split())
    return None if not words or "=" in words[0] or words[0] in _SHELL_WORDS else words


def program_of(command: str) -> str | None:
    """The program that a simple command starts; None when the command needs a shell.

    Simple is a list of words without operator, substitution, comment, keyword, builtin or leading assignment. Quotes,
    escapes, parameters and globs are welcome in every word but the first.
    """
    text = command.strip()
    program, *_ = text.split(None, 1) or [""]
    if not program or program in _SHELL_WORDS or not _NOT_LITERAL.isdisjoint(program):
        return None
    return program if _is_one_command(text) else None


def _is_one_command(text: str) -> bool:
    quote = ""
    before = " "
    letters = iter(text)
    for letter in letters:
        if quote == "'":
            quote = "" if letter == "'" else quote
        elif letter == "\\":
            if next(letters, None) is None:
                return False
        elif letter == "`" or (letter == "(" and before == "$"):
            return False
        elif quote:
            quote = "" if letter == '"' else quote
        elif letter in "'\"":
            quote = letter
        elif letter in _OPERATORS or (letter == "#" and before.isspace()):
            return False
        before = letter
    return not quote
