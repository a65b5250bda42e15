"""What would break this machine is broken under a kernel of its own."""
import os
import pathlib
import sys

import pytest
from conftest import BIN, PATIENCE, ROOT
from own_kernel import boot

FOLDER = pathlib.Path(__file__).parent / "own_kernel"
TINY = ROOT / "tests/data/golden/checkpoints/safetensors"  # whatever touches much memory is slow there


def test_the_clock_is_set_under_the_server(tmp_path):
    environment = {"PATH": os.environ["PATH"], "HOME": "/run", "TMPDIR": "/run", "FINTAG_BIN": BIN,
                   "FINTAG_TEST_BASE": TINY, "FINTAG_E2E_WORK": "/run/e2e", "FINTAG_OWN_KERNEL": "1",
                   "FINTAG_PATIENCE": PATIENCE * 3, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp=/run/pytest", "--rootdir",
               FOLDER.parents[1], "--color=no", FOLDER / "test_clock.py"]
    output, status = boot.run(tmp_path / "kernel", command, environment, 400 * PATIENCE)
    if boot.STARTED not in output:
        pytest.skip(f"User-mode Linux does not start here: {output[-300:].strip()}")
    assert status == 0, output
