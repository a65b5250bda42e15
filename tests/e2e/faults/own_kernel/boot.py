"""Runs a command under a kernel of its own: User-mode Linux, a Linux that is a process of this one. It sees this
machine's files, has a loopback network and memory as its disk at /run, where nobody keeps a project, and what the
command does to it, such as setting the clock, ends with it."""
import os
import pathlib
import shlex
import shutil
import subprocess

STARTED = "own kernel started"
ENDED = "own kernel ended with "

INIT = """#!/bin/sh
export PATH={path} HOME=/run
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs run /run
ip link set lo up
cd /run
echo {started}
{command}
echo {ended} $?
halt -f
"""


def run(folder, command, environment, seconds):
    """Output and exit status of `command` (a list of words) with the variables `environment`; `folder` is a new one on
    this machine that it may write to. The status is None where the kernel did not start, or ended early."""
    folder.mkdir()
    init = folder / "init"
    words = ["env", "-i", *(f"{name}={value}" for name, value in environment.items()), *map(str, command)]
    init.write_text(INIT.format(path="/usr/sbin:/usr/bin:/sbin:/bin", started=shlex.quote(STARTED),
                                command=shlex.join(words), ended=shlex.quote(ENDED)), encoding="utf-8")
    init.chmod(0o700)
    kernel = shutil.which("linux.uml")
    if kernel is None:
        return "there is no linux.uml: install user-mode-linux", None
    output = folder / "output"
    with open(output, "wb") as console:
        process = subprocess.Popen(
            [kernel, "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "rw", "mem=4G", "quiet", "con=null",
             "con0=null,fd:1", f"init={init}"], stdin=subprocess.DEVNULL, stdout=console, stderr=console,
            env=dict(os.environ, TMPDIR=str(folder)), start_new_session=True)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
        finally:
            if process.poll() is None:
                os.killpg(process.pid, 9)
                process.wait()
    text = pathlib.Path(output).read_text(encoding="utf-8", errors="replace")
    status = [line.removeprefix(ENDED) for line in text.splitlines() if line.startswith(ENDED)]
    return text, int(status[0]) if status else None
