"""Draws the dashboards as pictures without a Grafana: the panels, places, units and legends of dashboards/*.json, with
what a real Prometheus answers to their queries.

  preview.py --prometheus http://localhost:9090 [--minutes 15] [--rate-seconds 60] [--choose job=A|B]
             [--output preview]
"""
import argparse
import datetime
import io
import pathlib
import time

import matplotlib
from drawing import (BACKGROUND, CURVES, FAINT, GAP, GRID_X, GRID_Y, NAMED, PANEL, Sheet, draw_bars, draw_curves,
                     draw_stat)
from PIL import Image, ImageColor
from queries import Prometheus, read_dashboard

matplotlib.use("Agg")
import matplotlib.pyplot as pyplot  # noqa: E402  after the choice of the backend

HERE = pathlib.Path(__file__).resolve().parent
HEAD = 44  # pixels for the dashboard's title


def size_of(dashboard):
    """Width and height of the dashboard's picture in pixels."""
    return 24 * GRID_X, HEAD + max(p.y + p.height for p in dashboard.panels) * GRID_Y + GAP


def place_of(panel):
    """The panel's left and upper edge, width and height in the picture."""
    return (panel.x * GRID_X + GAP, HEAD + panel.y * GRID_Y + GAP, panel.width * GRID_X - 2 * GAP,
            panel.height * GRID_Y - 2 * GAP)


def draw(dashboard, prometheus, choices):
    """The dashboard as a PNG. choices: {variable: pattern of its values}, in the place of all of them."""
    choices = {name: value for name, value in choices.items() if name in dashboard.variables}
    variables = {**prometheus.variables(dashboard), **choices}
    width, height = size_of(dashboard)
    figure = pyplot.figure(figsize=(width / 100, height / 100), dpi=100, facecolor=BACKGROUND)
    sheet = Sheet(figure, width, height)
    limits = tuple(datetime.datetime.fromtimestamp(t, datetime.timezone.utc)
                   for t in (prometheus.start, prometheus.end))
    sheet.text(14, HEAD / 2, dashboard.title, size=15, weight="bold")
    chosen = "   ".join(f"{name} {choices.get(name, 'All').replace('|', ', ')}" for name in variables)
    sheet.text(width - 14, HEAD / 2, f"{chosen}      {limits[0]:%H:%M} to {limits[1]:%H:%M} UTC", 10, FAINT, ha="right")
    for panel in dashboard.panels:
        place = place_of(panel)
        if panel.kind == "row":
            sheet.text(place[0] + 6, place[1] + place[3] / 2, panel.title, size=12)
            continue
        sheet.box(*place)
        sheet.text(place[0] + 12, place[1] + 16, panel.title, size=10.5)
        ask = {True: prometheus.instant, False: prometheus.range}
        asked = [(query, ask[query.instant](query.expression, variables)) for query in panel.queries]
        if panel.kind == "stat":
            draw_stat(sheet, panel, asked, *place)
        elif panel.kind == "bargauge":
            draw_bars(sheet, panel, asked, *place)
        elif panel.kind == "timeseries":
            draw_curves(sheet, panel, asked, *place, limits)
        else:
            raise ValueError(f"{panel.title}: panels of kind {panel.kind} cannot be drawn yet")
    picture = io.BytesIO()
    figure.savefig(picture, facecolor=BACKGROUND)
    pyplot.close(figure)
    return picture


def with_palette(picture):
    """The picture with 256 colours, which takes a third of the space: the lines' own, so that they stay as their legends
    have them, and those that cover most."""
    own = [ImageColor.getrgb(colour) for colour in (*CURVES, *NAMED.values(), BACKGROUND, PANEL)]
    common = picture.quantize(256 - len(own), Image.Quantize.MEDIANCUT).getpalette()
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for colour in own for part in colour] + common)
    return picture.quantize(palette=palette, dither=Image.Dither.NONE)


def main():
    parser = argparse.ArgumentParser(description="Draws the dashboards as PNG.")
    parser.add_argument("--prometheus", required=True, help="http://HOST:PORT")
    parser.add_argument("--minutes", type=float, default=15, help="how far back")
    parser.add_argument("--end", type=float, default=None, help="Unix seconds; default: now")
    parser.add_argument("--rate-seconds", type=int, default=60, help="in the place of $__rate_interval")
    parser.add_argument("--choose", action="append", default=[], metavar="VARIABLE=PATTERN",
                        help="values of a variable, such as job=A|B; default: all")
    parser.add_argument("--output", type=pathlib.Path, default=HERE / "preview", help="folder")
    arguments = parser.parse_args()
    end = arguments.end or time.time()
    prometheus = Prometheus(arguments.prometheus, end - 60 * arguments.minutes, end, arguments.rate_seconds)
    choices = dict(choice.split("=", 1) for choice in arguments.choose)
    arguments.output.mkdir(parents=True, exist_ok=True)
    for file in sorted((HERE / "dashboards").glob("*.json")):
        target = arguments.output / f"{file.stem}.png"
        with_palette(Image.open(draw(read_dashboard(file), prometheus, choices)).convert("RGB")).save(
            target, optimize=True)
        print(f"wrote {target}, {target.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()
