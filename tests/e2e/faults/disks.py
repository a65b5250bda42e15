"""File systems of a test's own, mounted where nobody else sees them."""
import os
import pathlib
import subprocess

import pytest


def run(*words):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)


class Disk:
    """A file system at `folder`, seen by those alone who run behind `prefix`; others look at `inside(path)`."""

    def __init__(self, folder, *mount):
        folder.mkdir()
        self.folder, self.mount_words = folder, [str(word) for word in mount]
        self.holder = subprocess.Popen(["unshare", "-m", "sh", "-c", "echo; exec sleep infinity"],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if not self.holder.stdout.readline():
            pytest.skip(f"no mount namespace of one's own: {self.holder.stderr.read().strip()}")
        self.prefix = ["nsenter", "-t", str(self.holder.pid), "-m"]
        mounted = self.mount()
        if mounted.returncode != 0:
            self.end()
            pytest.skip(f"mounting is not permitted: {mounted.stderr.strip()}")

    def run(self, *words):
        return run(*self.prefix, *words)

    def mount(self):
        return self.run("mount", *self.mount_words, self.folder)

    def unmount(self):
        done = self.run("umount", self.folder)
        assert done.returncode == 0, done.stderr

    def inside(self, path):
        return pathlib.Path(f"/proc/{self.holder.pid}/root{path}")

    def free_bytes(self):
        space = os.statvfs(self.inside(self.folder))
        return space.f_bavail * space.f_frsize

    def end(self):
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()
        self.holder.stderr.close()


def memory_disk(folder, megabytes):
    return Disk(folder, "-t", "tmpfs", "-o", f"size={megabytes}m", "none")


def file_disk(folder, image, megabytes):
    """ext4 in a file, which may only be read once it has failed."""
    with open(image, "wb") as file:
        file.truncate(megabytes << 20)
    made = run("mkfs.ext4", "-q", "-F", image)
    if made.returncode != 0:
        pytest.skip(f"no mkfs.ext4: {made.stderr.strip()}")
    return Disk(folder, "-o", "loop,errors=remount-ro", image)
