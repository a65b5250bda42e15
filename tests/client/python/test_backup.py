"""Backups through the package, blocking and in an event loop."""
import asyncio
import hashlib
import subprocess

import fintag
import pytest
from conftest import BIN, PATIENCE


def check(backup, path, tmp_path):
    assert backup.path == path and backup.size_bytes == path.stat().st_size and backup.datasets >= 2
    assert backup.sha256 == hashlib.sha256(path.read_bytes()).hexdigest() and backup.create_time.year > 2000
    restored = subprocess.run([BIN / "fintagd", "--restore", path, "--data-dir", tmp_path / path.stem],
                              capture_output=True, text=True, timeout=60 * PATIENCE, check=False)
    assert restored.returncode == 0 and f"{backup.model_versions} model versions" in restored.stdout


def test_a_backup_is_whole_and_replaces_the_one_before(client, served, tmp_path):
    path = tmp_path / "backup.tar"
    path.write_text("of yesterday")
    check(client.backup(path), path, tmp_path)

    async def again():
        async with fintag.AsyncClient(served.address, timeout=30 * PATIENCE) as asynchronous:
            return await asynchronous.backup(tmp_path / "second.tar")
    check(asyncio.run(again()), tmp_path / "second.tar", tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["backup", "backup.tar", "second", "second.tar"]


def test_a_backup_that_fails_leaves_nothing(client, tmp_path):
    with pytest.raises(FileNotFoundError):
        client.backup(tmp_path / "nowhere" / "backup.tar")
    with fintag.Client("localhost:1", timeout=0.2, transfer_timeout=0.2, retry_for=0.1) as lost:
        with pytest.raises(fintag.FintagError):
            lost.backup(tmp_path / "backup.tar")
    assert not list(tmp_path.iterdir())
