"""A small disk of our own, to be filled: a tmpfs in a mount namespace that nobody else sees and that goes with us."""
import contextlib
import ctypes
import os
import pathlib
import shutil

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_REC, MS_PRIVATE, MNT_DETACH = 1 << 14, 1 << 18, 2
libc = ctypes.CDLL(None, use_errno=True)


def failure(call, result):
    return None if result == 0 else f"{call}: {os.strerror(ctypes.get_errno())}"


def enter_namespace():
    """Gives this process mounts of its own. Before any other thread starts: a user namespace, which callers without
    root's rights need for it, takes one thread alone. Returns why it cannot be, or None."""
    user, group = os.getuid(), os.getgid()
    if failure("unshare", libc.unshare(CLONE_NEWNS)):
        if refused := failure("unshare", libc.unshare(CLONE_NEWNS | CLONE_NEWUSER)):
            return refused
        for name, text in [("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")]:
            try:
                pathlib.Path(f"/proc/self/{name}").write_text(text, encoding="utf-8")
            except OSError as error:
                return str(error)
    return failure("mount", libc.mount(None, b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None))


def mount(folder, size, files):
    """A new disk of `size` bytes and for so many files at `folder`. Returns why it cannot be, or None."""
    return failure("mount", libc.mount(b"chaos", os.fsencode(folder), b"tmpfs", 0,
                                       f"size={size},nr_inodes={files},mode=755".encode()))


def unmount(folder):
    libc.umount2(os.fsencode(folder), MNT_DETACH)


class Filler:
    """Files that take the room of others on a disk."""

    def __init__(self, folder):
        self.file, self.names = folder / "filler", folder / "names"

    def grow(self, spare=0):
        """Takes what is free but `spare` bytes; again, what was freed since."""
        block = bytes(1 << 16)
        with open(self.file, "ab", buffering=0) as file:
            with contextlib.suppress(OSError):  # full: what was wanted
                while True:
                    file.write(block[:max(1, min(len(block), self.free() - spare))] if spare else block)
                    if spare and self.free() <= spare:
                        break

    def grow_names(self):
        """Takes what may still be made of files and folders, as a disk without room in its folders looks."""
        with contextlib.suppress(OSError):
            self.names.mkdir(exist_ok=True)
            for number in range(len(os.listdir(self.names)), 1 << 20):
                (self.names / str(number)).touch()

    def free(self):
        room = os.statvfs(self.file.parent)
        return room.f_bavail * room.f_frsize

    def remove(self):
        self.file.unlink(missing_ok=True)
        shutil.rmtree(self.names, ignore_errors=True)
