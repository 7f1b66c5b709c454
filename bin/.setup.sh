# Sourced by bin/launch and bin/test: makes .venv in the clone, installs the project into it, keeps both up to date.
#
#   prepare EXTRA     leaves a .venv that holds the project with EXTRA (shop or dev), first on PATH; or says in one
#                     line what is missing, exits 1, and leaves no half-made .venv behind
#
# POSIX sh, as Debian's dash and macOS's sh have it. Sets: root, venv.

root=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "$0")")/.." && pwd -P)
venv=$root/.venv
me=bin/${0##*/}

prepare() {
    wanted=$1
    if ! is_current; then
        update
    fi
    PATH=$venv/bin:$PATH
    VIRTUAL_ENV=$venv
    export PATH VIRTUAL_ENV
    unset PYTHONHOME
}

# The stamp is written last, so it tells a whole .venv from a half-made one. It holds what was installed, and from
# what; the folder too, because a .venv that was moved does not work.
is_current() {
    sum=$(cat "$root/pyproject.toml" "$root/setup.cfg" | cksum)
    installed='' from='' folder=''
    if [ -x "$venv/bin/python" ] && [ -r "$venv/.installed" ]; then
        { read -r installed && read -r from && IFS= read -r folder; } <"$venv/.installed" || return 1
    fi
    [ "$from" = "$sum" ] && [ "$folder" = "$root" ] && { [ "$installed" = "$wanted" ] || [ "$installed" = dev ]; }
}

update() {
    [ -w "$root" ] || fail "cannot write to $root: .venv is to be made there"
    choose_python
    # A lock on a file that is always there leaves nothing to clean up. flock belongs to the open file, so it stays
    # with this shell's descriptor 9 when the Python that took it has ended. (macOS has no flock command.)
    exec 9<"$root/pyproject.toml"
    "$python" -c "
import fcntl, sys
try:
    fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print('$me: waiting for another one that is setting up .venv', file=sys.stderr)
    fcntl.flock(9, fcntl.LOCK_EX)
except OSError:
    pass  # a file system without locks
" || fail 'interrupted'
    if ! is_current; then
        choose_python  # the other one may have made .venv, or removed it
        install_project
    fi
    exec 9<&-
}

choose_python() {
    fresh=no
    python=$venv/bin/python
    if [ "$folder" != "$root" ] && ! is_usable "$python"; then
        if [ -e "$venv" ] && [ ! -e "$venv/pyvenv.cfg" ]; then
            fail "$venv is in the way and is no virtual environment: move it elsewhere"
        fi
        fresh=yes
        find_python
    fi
}

install_project() {
    if [ "$installed" = dev ]; then
        wanted=dev
    fi
    log=$(mktemp) || fail 'cannot make a temporary file: is the disk full?'
    trap 'give_up "interrupted"' HUP INT TERM
    since=$(date +%s)
    if [ $fresh = yes ]; then
        printf '%s: making .venv with Python %s and installing into it (needs the network, about half a minute) … ' \
            "$me" "$version" >&2
        rm -rf "$venv"
        "$python" -m venv "$venv" >"$log" 2>&1 || give_up 'venv failed'
    else
        printf '%s: the dependencies have changed, updating .venv (needs the network) … ' "$me" >&2
    fi
    # compat: a path in a .pth file (Python up in 12 ms). The default, a finder, costs each start another 10 ms.
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --retries 2 \
        --config-settings editable_mode=compat --editable "$root[$wanted]" 9<&- >"$log" 2>&1 || give_up 'pip failed'
    printf '%s\n%s\n%s\n' "$wanted" "$sum" "$root" >"$venv/.installed.new" &&
        mv "$venv/.installed.new" "$venv/.installed" || give_up 'cannot write to .venv'
    trap - HUP INT TERM
    rm -f "$log"
    printf 'done in %s s\n' $(($(date +%s) - since)) >&2
}

# Says what went wrong in one line. What was there before stays; what this run began goes.
give_up() {
    trap - HUP INT TERM
    echo >&2
    reason=$1
    if grep -Eqi 'name resolution|NewConnectionError|ConnectTimeout|unreachable|ProxyError|nodename nor servname' "$log"; then
        reason='no network: pip cannot reach the package index'
    elif grep -q 'No space left on device' "$log"; then
        reason='the disk is full'
    elif grep -q '^ERROR: ' "$log"; then
        reason="$reason: $(sed -n 's/^ERROR: //p' "$log" | head -n 1)"
    elif [ -s "$log" ]; then
        reason="$reason: $(tail -n 1 "$log")"
    fi
    rm -f "$log"
    if [ $fresh = yes ]; then
        rm -rf "$venv"
    fi
    fail "$reason"
}

# The newest Python that will do: 3.11 or later, with venv and ensurepip (Debian packs these apart). A name on PATH
# proves nothing: pyenv's shims exist for versions that are not chosen and then fail. The path taken is that of the
# interpreter itself: no shim and no activated .venv stands behind the new one, and where an upgrade of the system
# replaces that interpreter, .venv/bin/python dangles and all is made anew.
find_python() {
    too_old='' no_venv=''
    for name in ${PYTHON:+"$PYTHON"} python3.14 python3.13 python3.12 python3.11 python3 python; do
        found=$("$name" -c '
import os, sys
print(*sys.version_info[:2], sep=".")
print(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))' 2>/dev/null) || found=''
        if [ -n "$found" ]; then
            version=${found%%
*}
            python=${found#*
}
            if is_usable "$python"; then
                return
            elif is_recent "$python"; then
                no_venv=${no_venv:-$version}
            else
                too_old=${too_old:-$version}
            fi
        fi
        if [ -n "${PYTHON:-}" ]; then
            break
        fi
    done
    if [ -n "$no_venv" ]; then
        fail "Python $no_venv lacks its venv module: $(how_to_get "python$no_venv-venv" "python@3.13")"
    elif [ -n "${PYTHON:-}" ]; then
        fail "PYTHON=$PYTHON is no Python 3.11 or later${too_old:+ (it is $too_old)}: name another one, or unset PYTHON"
    elif [ -n "$too_old" ]; then
        fail "needs Python 3.11 or later, found only $too_old: $(how_to_get python3.11-venv python@3.13)"
    else
        fail "needs Python 3.11 or later, found none: $(how_to_get python3-venv python@3.13)"
    fi
}

is_recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
is_usable() { "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

how_to_get() {
    if command -v apt-get >/dev/null; then
        echo "sudo apt install $1"
    elif [ "$(uname)" = Darwin ]; then
        echo "brew install $2"
    else
        echo 'install it with your package manager, or name another one: PYTHON=/path/to/python3'
    fi
}

fail() {
    printf '%s: %s\n' "$me" "$*" >&2
    exit 1
}
