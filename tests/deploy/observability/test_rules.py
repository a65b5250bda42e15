"""promtool's word on configuration, rules and their unit tests."""
import subprocess

from e2e import ROOT


def promtool(*arguments, folder=ROOT / "deploy/prometheus"):
    done = subprocess.run(["promtool", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_configuration_and_rules_are_valid():
    assert "SUCCESS" in promtool("check", "config", "--lint=all", "--lint-fatal", "prometheus.yml")


def test_alerts_fire_and_do_not_fire():
    assert "SUCCESS" in promtool("test", "rules", "alerts_test.yml", folder=ROOT / "tests/deploy/observability")
