"""Writes the dashboards' JSON.

  generate.py            into dashboards/, where Grafana's provisioning reads it
  generate.py --check    exits with 1 if what is there is not what would be written
"""
import json
import pathlib
import sys

from fleet import fleet
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from tagging import tagging
from training import training

FOLDER = pathlib.Path(__file__).resolve().parent / "dashboards"


def dashboards():
    """{file name: its text}"""
    made = {}
    for board in (tagging(), training(), fleet()):
        model = board.build()
        for number, panel in enumerate(model.panels, start=1):
            panel.id_val = number  # links to panels stay good when Grafana loads the file again
        made[f"{model.uid}.json"] = json.dumps(model, cls=JSONEncoder, indent=2, sort_keys=True) + "\n"
    return made


def main():
    stale = {name: text for name, text in dashboards().items()
             if not (FOLDER / name).exists() or (FOLDER / name).read_text(encoding="utf-8") != text}
    if "--check" in sys.argv:
        for name in stale:
            print(f"{FOLDER / name} is not what generate.py writes", file=sys.stderr)
        return 1 if stale else 0
    for name, text in stale.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        print(f"wrote {FOLDER / name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
