"""Environment: FINTAG_BIN, FINTAG_CHAOS_SECONDS (default 90), FINTAG_CHAOS_SEED (default: drawn). Shares the contract's
stubs and some functions with the end-to-end tests."""
import importlib.util
import os
import pathlib
import sys

import private_disk

ROOT = pathlib.Path(__file__).resolve().parents[2]


def pytest_configure(config):
    # First, while there is one thread.
    config.no_private_disk = private_disk.enter_namespace()
    specification = importlib.util.spec_from_file_location("e2e", ROOT / "tests/e2e/conftest.py")
    sys.modules["e2e"] = module = importlib.util.module_from_spec(specification)
    os.environ.setdefault("FINTAG_TEST_BASE", "")  # bases here are made on the spot
    specification.loader.exec_module(module)
    module.pytest_configure()
