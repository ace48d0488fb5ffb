"""What is said to supervisord: its configuration, the shell scripts that act on it, and a look at its processes.

The scripts stand in the journal as they are: they must do the right thing when they are run again later, whatever was
put back in between.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Mapping, Optional, Sequence

from depl.errors import ComponentUsageError

if TYPE_CHECKING:
    from depl.lib.program import Program
    from depl.lib.supervisor import Supervisor

LONGEST_SOCKET = 96  # the system allows 107 bytes, and supervisord appends its process id while it makes the socket
LIVING = ("STARTING", "RUNNING", "BACKOFF", "STOPPING")

# `update` restarts a program only if its entry changed: otherwise do it here. Afterwards wait until it is known to run,
# if `wait` says something; if not, no `restart`, which waits as well.
START = """\
supervisorctl=$1 configuration=$2 name=$3 log=$4 wait=$5
ctl() { "$supervisorctl" -c "$configuration" "$@"; }
size=$(cat "$log" 2>/dev/null | wc -c)
updated=$(ctl update "$name") || { echo "$updated" >&2; exit 1; }
case $updated in
    *"$name: added"* | *"$name: updated"*) ;;
    *) if [ "$wait" ]; then
        ctl restart "$name:*" >/dev/null
    else
        { ctl stop "$name:*"; ctl remove "$name"; ctl add "$name"; } >/dev/null || exit 1
    fi ;;
esac
[ "$wait" ] || exit 0
while status=$(ctl status "$name:*" | cut -c 1-200); do
    case $status in
        *FATAL* | *EXITED* | *STOPPED* | *UNKNOWN* | *ERROR*) break ;;
        *STARTING* | *BACKOFF* | *STOPPING*) sleep 0.1 ;;
        *RUNNING*) exit 0 ;;
        *) break ;;
    esac
done
echo "$status" >&2
[ "$(cat "$log" 2>/dev/null | wc -c)" -ge "$size" ] || size=0
echo "The end of $log:" >&2
tail -c +$((size + 1)) "$log" 2>/dev/null | tail -n 20 >&2
exit 1
"""

STOP = "{stop}; {remove} || ! {status} | grep -E 'RUNNING|STARTING|STOPPING|BACKOFF'"

# What supervisord starts gets a clean environment, not that of whoever happened to deploy.
START_SUPERVISORD = """\
supervisord=$1 configuration=$2 pidfile=$3 seconds=$4 wait=$5
env -i HOME="$HOME" PATH="$PATH" LANG="${LANG:-C.UTF-8}" USER="${USER:-}" LOGNAME="${LOGNAME:-}" \\
    "$supervisord" -c "$configuration" || exit 1
supervisorctl=$(dirname "$supervisord")/supervisorctl
for i in $(seq "${seconds}0"); do
    [ -s "$pidfile" ] && case $wait:$("$supervisorctl" -c "$configuration" status) in
        wait:*STARTING*) ;;
        *) exit 0 ;;
    esac
    sleep 0.1
done
echo "supervisord and its programs did not come up within $seconds seconds" >&2
exit 1
"""

SHUT_DOWN = """\
case $({ctl}) in *"already shut down"*) rm -f {pidfile} ;; *)
    for i in $(seq 600); do [ -e {pidfile} ] || break; sleep 0.1; done
    [ ! -e {pidfile} ] || {{ echo "supervisord did not shut down within a minute" >&2; exit 1; }}
esac"""


def script(text: str, *arguments: str) -> list[str]:
    """A command that runs a shell script with arguments."""
    return ["/bin/sh", "-c", text, "depl", *arguments]


@dataclass(frozen=True)
class Process:
    """A process as supervisord sees it. state: RUNNING, STARTING, BACKOFF, FATAL, STOPPED, ..."""

    group: str
    name: str
    state: str
    pid: int
    why: str


def supervisord_conf(supervisor: Supervisor) -> str:
    """The configuration of supervisord."""
    address = supervisor.address
    listen = f"[inet_http_server]\nport = {address.listen}\n\n" if address else ""
    return f"""\
[unix_http_server]
file = {_escaped(supervisor.socketpath)}
chmod = 0700

{listen}[supervisord]
pidfile = {_escaped(supervisor.pidfile)}
logfile = {_escaped(os.path.join(supervisor.logdir.path, "supervisord.log"))}
logfile_maxbytes = {supervisor.logfile_maxbytes}
logfile_backups = {supervisor.logfile_backups}
loglevel = {supervisor.loglevel}
childlogdir = {_escaped(supervisor.logdir.path)}

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl = unix://{_escaped(supervisor.socketpath)}

[include]
files = {_escaped(supervisor.program_config_dir.path)}/*.conf
"""


def entry(program: Program) -> str:
    """The entry of a program in supervisord's configuration."""
    supervisor = program.supervisor
    lines = {
        "command": f"{program.command} {program.args}".strip(),
        "directory": _escaped(program.directory or program.workdir),
        "priority": program.priority,
        "autorestart": "true",
        "redirect_stderr": "true" if program._kind == "program" else "false",
        "stdout_logfile": _escaped(program.log_path),
        "stdout_logfile_maxbytes": supervisor.logfile_maxbytes,
        "stdout_logfile_backups": supervisor.logfile_backups,
    }
    if program.environment_variables:
        lines["environment"] = ",".join(
            f"{name}={_quoted(name, str(value))}" for name, value in sorted(program.environment_variables.items())
        )
    lines.update(program.options or {})
    text = "".join(f"{name} = {value}\n" for name, value in lines.items())
    return f"[{program._kind}:{program.name}]\n{text}"


def look_at(socketpath: str) -> Optional[Mapping[str, Sequence[Process]]]:
    """The processes of each group, asked over the socket; None where nobody answers."""
    answer = _ask(socketpath, "supervisor.getAllProcessInfo")
    if answer is None:
        return None
    groups: dict[str, list[Process]] = {}
    for struct in re.findall(r"<struct>(.*?)</struct>", answer, re.DOTALL):
        fields = {name: value for name, _, value in _MEMBER.findall(struct)}
        process = Process(
            _text(fields.get("group", "")),
            _text(fields.get("name", "")),
            fields.get("statename", "UNKNOWN"),
            int(fields.get("pid", "0")),
            _text(fields.get("spawnerr", "") or fields.get("description", "")),
        )
        groups.setdefault(process.group, []).append(process)
    return groups


_MEMBER = re.compile(r"<name>(\w+)</name>\s*<value>\s*<(\w+)>(.*?)</\2>", re.DOTALL)


def _ask(socketpath: str, method: str) -> Optional[str]:
    """One call by XML-RPC. By hand: xmlrpc, http and email together take ten times as long to import as this to run."""
    import socket

    body = f"<?xml version='1.0'?><methodCall><methodName>{method}</methodName></methodCall>"
    head = f"POST /RPC2 HTTP/1.0\r\nContent-Type: text/xml\r\nContent-Length: {len(body)}\r\n\r\n"
    received = []
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(socketpath)
            connection.sendall((head + body).encode())
            while True:
                data = connection.recv(65536)
                if not data:
                    break
                received.append(data)
    except OSError:
        return None
    answer = b"".join(received).decode("utf-8", "replace")
    return answer if "<methodResponse>" in answer else None


def _text(xml: str) -> str:
    return xml.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _quoted(name: str, value: str) -> str:
    """A value as supervisord reads it: between quotes that are not in it. Errors: ComponentUsageError."""
    quote = "'" if '"' in value else '"'
    if quote in value or "\n" in value:
        raise ComponentUsageError(
            f"supervisor cannot pass on the environment variable {name}: it has a line break or both kinds of quotes",
            hint="Write it into a file that the program reads.",
        )
    return f"{quote}{_escaped(value)}{quote}"


def _escaped(text: str) -> str:
    """What supervisord must not take for one of its %(...)s."""
    return text.replace("%", "%%")
