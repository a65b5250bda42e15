"""start_server.sh deletes the data folder of the run before."""
import fcntl
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[3]


def start(data):
    return subprocess.run(["bash", "-c", f". deploy/start_server.sh; start_server {data} {data}.log"], cwd=ROOT,
                          capture_output=True, text=True, check=False)


def test_the_folder_of_a_running_server_is_left_alone(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "fintag.db").write_text("precious")
    with open(data / "fintagd.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused = start(data)
    assert refused.returncode == 1 and f"a fintagd uses {data}" in refused.stderr
    assert (data / "fintag.db").read_text() == "precious"
