"""Makes the end-to-end tests' Server, as the module `e2e`, and the dashboards' own modules importable."""
import importlib.util
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]


def load_servers():
    spec = importlib.util.spec_from_file_location("e2e", ROOT / "tests/e2e/conftest.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["e2e"] = module
    spec.loader.exec_module(module)
    module.pytest_configure()
    sys.path.insert(0, str(ROOT / "deploy/grafana"))


def pytest_configure():
    load_servers()
