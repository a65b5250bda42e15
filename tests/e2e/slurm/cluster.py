"""A real Slurm of two nodes on loopback: munged, slurmctld and two slurmd, in a folder of their own."""
import getpass
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time

CONF = """
ClusterName=fintag
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
# No cgroups: a container has none to give.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
# As short as it goes: a node that is silent for so long has failed, and one that speaks again is used again.
SlurmdTimeout=2
MessageTimeout=4
ReturnToService=2
KillWait=2
SchedulerParameters=sched_interval=1,sched_min_interval=100000
NodeName=n[1-2] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{ports[1]}-{ports[2]}] CPUs=2
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def free_ports(count):
    """Consecutive ports that nobody listens on."""
    for first in range(20000 + os.getpid() % 10000, 60000, count):
        sockets = []
        try:
            for port in range(first, first + count):
                sockets.append(socket.socket())
                sockets[-1].bind(("127.0.0.1", port))
            return range(first, first + count)
        except OSError:
            continue
        finally:
            for bound in sockets:
                bound.close()
    raise OSError("no free ports")


class Cluster:
    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="fintag-slurm-"))  # a socket's path is short
        self.folder.chmod(0o755)
        self.conf = self.folder / "slurm.conf"
        self.environment = {**os.environ, "SLURM_CONF": str(self.conf)}
        self.processes = {}
        (self.folder / "state").mkdir()
        self.conf.write_text(CONF.format(host=socket.gethostname().split(".")[0], user=getpass.getuser(),
                                         folder=self.folder, ports=free_ports(3)))
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        self.start("munged", "--force", "--foreground", f"--key-file={key}", f"--socket={self.folder}/munge.socket",
                   f"--pid-file={self.folder}/munged.pid", f"--log-file={self.folder}/munged.log",
                   f"--seed-file={self.folder}/munge.seed")
        self.wait_for(lambda: (self.folder / "munge.socket").exists())
        self.start("slurmctld", "-D")
        for node in ("n1", "n2"):
            self.start_node(node)
        self.wait_for(lambda: self.nodes() == {"n1": "idle", "n2": "idle"})

    def start(self, program, *arguments, name=None):
        with open(self.folder / f"{name or program}.out", "ab") as out:
            self.processes[name or program] = subprocess.Popen(
                [shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin"), *arguments], env=self.environment,
                stdout=out, stderr=out, start_new_session=True)

    def start_node(self, node):
        self.start("slurmd", "-D", "-N", node, name=node)

    def run(self, *command):
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True,
                              timeout=30).stdout

    def nodes(self):
        """State of each node, without the marks behind it."""
        try:
            lines = self.run("sinfo", "--Node", "--noheader", "--format=%N %T").split("\n")
        except subprocess.CalledProcessError:
            return {}
        return {line.split()[0]: line.split()[1].rstrip("*~#$@^-+") for line in lines if line}

    def jobs(self):
        """Name, state and node of each job that has not ended."""
        return [tuple(line.split("|")) for line in self.run("squeue", "--noheader", "--format=%j|%T|%N").splitlines()]

    def submissions(self):
        """Numbers of all jobs that Slurm was ever given, ended ones too."""
        return self.run("squeue", "--noheader", "--states=all", "--format=%i").split()

    def fail(self, node):
        """As if the machine lost its power."""
        self.processes.pop(node).kill()
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                environment = (process / "environ").read_bytes().split(b"\0")
                if f"SLURMD_NODENAME={node}".encode() in environment and f"SLURM_CONF={self.conf}".encode() in environment:
                    os.kill(int(process.name), signal.SIGKILL)
                elif b"slurmstepd" in (process / "cmdline").read_bytes() and node in self.step_nodes(int(process.name)):
                    os.kill(int(process.name), signal.SIGKILL)
            except (OSError, ValueError):
                pass  # it has ended meanwhile

    def step_nodes(self, pid):
        """Of this cluster's nodes the one whose spool folder the step of this number has open."""
        links = [os.readlink(link) for link in pathlib.Path(f"/proc/{pid}/fd").iterdir()]
        return [n for n in ("n1", "n2") if any(link.startswith(f"{self.folder}/{n}") for link in links)]

    @staticmethod
    def wait_for(condition, seconds=20):
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "Slurm does not come up"
            time.sleep(0.1)

    def stop(self):
        try:
            self.run("scancel", "--signal=KILL", f"--user={getpass.getuser()}")
        except (subprocess.SubprocessError, OSError):
            pass
        for process in reversed(self.processes.values()):
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
