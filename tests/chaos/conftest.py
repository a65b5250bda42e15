"""Environment: FINTAG_BIN, FINTAG_CHAOS_SECONDS (default 90), FINTAG_CHAOS_SEED (default: drawn). Shares the contract's
stubs and some functions with the end-to-end tests."""
import importlib.util
import os
import pathlib
import shutil
import sys

import private_disk
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DISK, FILES = 224 << 20, 10000  # uploads leave 64 MiB free


def pytest_configure(config):
    # First, while there is one thread.
    config.no_private_disk = private_disk.enter_namespace()
    specification = importlib.util.spec_from_file_location("e2e", ROOT / "tests/e2e/conftest.py")
    sys.modules["e2e"] = module = importlib.util.module_from_spec(specification)
    os.environ.setdefault("FINTAG_TEST_BASE", "")  # bases here are made on the spot
    specification.loader.exec_module(module)
    module.pytest_configure()


@pytest.fixture
def disk(request, tmp_path):
    """A folder for the data, and what fills its disk: None where we may not mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    refused = request.config.no_private_disk or private_disk.mount(folder, DISK, FILES)
    if refused:
        print(f"the disk is not filled: no mount of our own ({refused})")
    yield folder, None if refused else private_disk.Filler(folder)
    sys.modules["e2e"].end_trainers(folder)
    if not refused:
        shutil.copytree(folder / "data", tmp_path / "data", symlinks=True)  # the disk goes with this process
        private_disk.unmount(folder)
