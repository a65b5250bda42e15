"""Draws single panels with matplotlib: the three kinds that the dashboards use, in Grafana's dark colours."""
import datetime
import math
import textwrap

import matplotlib.dates as dates
import matplotlib.ticker as ticker
from matplotlib.patches import FancyBboxPatch
from queries import legend_of
from units import written

BACKGROUND, PANEL, BORDER, TEXT, FAINT = "#111217", "#181b1f", "#2c3036", "#d8d9da", "#8e9199"
CURVES = ["#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#fade2a", "#96d98d", "#c4a1ff",
          "#ffb357", "#37872d", "#e0b400", "#3274d9"]
NAMED = {"green": "#73bf69", "yellow": "#f2cc0c", "red": "#f2495c", "blue": "#5794f2"}
GRID_X, GRID_Y = 60, 32  # pixels of a cell of Grafana's grid
GAP = 4  # around a panel
LINE = 17  # of a legend


class Sheet:
    """One dashboard's figure, measured in pixels from its upper left corner."""

    def __init__(self, figure, width, height):
        self.figure, self.width, self.height = figure, width, height

    def axes(self, x, y, width, height):
        axes = self.figure.add_axes([x / self.width, 1 - (y + height) / self.height, width / self.width,
                                     height / self.height])
        axes.set_facecolor(PANEL)
        return axes

    def text(self, x, y, text, size=10, colour=TEXT, **more):
        more.setdefault("va", "center")
        return self.figure.text(x / self.width, 1 - y / self.height, text, fontsize=size, color=colour, **more)

    def box(self, x, y, width, height):
        self.figure.add_artist(FancyBboxPatch(
            (x / self.width, 1 - (y + height) / self.height), width / self.width, height / self.height,
            boxstyle="square,pad=0", transform=self.figure.transFigure, facecolor=PANEL, edgecolor=BORDER,
            linewidth=0.8, zorder=-1))


def _colour_of(value, thresholds):
    chosen = thresholds["steps"][0]["color"]
    for step in thresholds["steps"]:
        if step["value"] is not None and value >= step["value"]:
            chosen = step["color"]
    return NAMED.get(chosen, chosen)


def _finite(values):
    return [(labels, v) for labels, v in values if math.isfinite(v)]


def draw_stat(sheet, panel, asked, x, y, width, height):
    values = [(legend_of(query.legend, labels), v) for query, result in asked for labels, v in _finite(result)]
    if panel.options.get("textMode") == "name":
        text, colour = "\n".join(sorted(name for name, _ in values)) or "none", NAMED["blue"]
    elif values:
        value = values[0][1]
        text = written(value, panel.unit, panel.defaults.get("decimals"))
        colour = _colour_of(value, panel.defaults["thresholds"])
    else:
        text, colour = panel.defaults.get("noValue", "none"), FAINT
    sheet.text(x + width / 2, y + height / 2 + 8, text, size=21, colour=colour, ha="center")


def draw_bars(sheet, panel, asked, x, y, width, height):
    values = [(legend_of(query.legend, labels), v) for query, result in asked for labels, v in _finite(result)]
    if not values:
        sheet.text(x + width / 2, y + height / 2, panel.defaults.get("noValue", "none"), 13, FAINT, ha="center")
        return
    values.sort()
    names = max(len(name) for name, _ in values)
    left = min(width * 0.45, 26 + 7.6 * names)
    axes = sheet.axes(x + left, y + 36, width - left - 110, height - 50)
    top = panel.defaults.get("max") or max(v for _, v in values) or 1
    axes.set_xlim(0, top)
    axes.set_ylim(len(values) - 0.4, -0.6)
    thick = min(0.62, 26 * len(values) / (height - 50))
    for place, (name, value) in enumerate(values):
        axes.barh(place, top, height=thick, color="#22252b")
        axes.barh(place, value, height=thick, color=_colour_of(value, panel.defaults["thresholds"]))
        axes.text(-top * 0.015, place, name, ha="right", va="center", color=TEXT, fontsize=9)
        axes.text(top * 1.02, place, written(value, panel.unit, panel.defaults.get("decimals")), ha="left", va="center",
                  color=TEXT, fontsize=10)
    axes.axis("off")


def _lines(asked):
    """[(legend, times, values)], a gap where a value is missing or no number."""
    lines = []
    for query, result in asked:
        for labels, points in result:
            if any(math.isfinite(v) for _, v in points):
                times = [datetime.datetime.fromtimestamp(t, datetime.timezone.utc) for t, _ in points]
                lines.append((legend_of(query.legend, labels), times, [v for _, v in points]))
    return lines


def _with_gaps(times, values):
    """A break where more than a few steps are missing, as Grafana draws none over them."""
    if len(times) < 3:
        return times, values
    step = min(b - a for a, b in zip(times, times[1:]))
    out_times, out_values = [times[0]], [values[0]]
    for last, time, value in zip(times, times[1:], values[1:]):
        if time - last > 1.5 * step:
            out_times.append(last + step)
            out_values.append(math.nan)
        out_times.append(time)
        out_values.append(value)
    return out_times, out_values


def _colours(panel, lines):
    palette = iter(CURVES * (1 + len(lines) // len(CURVES)))
    chosen = [panel.colour_of(name) for name, _, _ in lines]
    return [NAMED.get(colour, colour) if colour else next(palette) for colour in chosen]


def _stack(axes, lines, colours, opacity):
    every = sorted({t for _, times, _ in lines for t in times})
    floor = [0.0] * len(every)
    for number, (_, times, values) in enumerate(lines):
        at = dict(zip(times, values))
        top = [low + (at.get(t, 0) if math.isfinite(at.get(t, 0)) else 0) for low, t in zip(floor, every)]
        colour = colours[number]
        axes.fill_between(every, floor, top, color=colour, alpha=opacity, linewidth=0)
        axes.plot(every, top, color=colour, linewidth=0.7)
        floor = top


def draw_curves(sheet, panel, asked, x, y, width, height, limits):
    lines = _lines(asked)
    colours = _colours(panel, lines)
    shown = lines[:int((height - 62) * 0.55 / LINE) - 1]  # the curves keep half of the panel
    legend = LINE * (len(shown) + 1 + (len(lines) > len(shown)))
    axes = sheet.axes(x, y + 34, width, height - 34 - 28 - legend)  # the sides are set below
    custom = panel.defaults.get("custom", {})
    axes.set_xlim(*limits)
    if custom.get("stacking", {}).get("mode") == "normal":
        _stack(axes, lines, colours, custom["fillOpacity"] / 100)
    else:
        style = "steps-post" if custom.get("lineInterpolation") == "stepAfter" else "default"
        for number, (_, times, values) in enumerate(lines):
            colour = colours[number]
            broken = _with_gaps(times, values)
            axes.plot(*broken, color=colour, linewidth=1.5, drawstyle=style)
            axes.fill_between(*broken, color=colour, alpha=custom["fillOpacity"] / 100, linewidth=0,
                              step="post" if style == "steps-post" else None)
    bottom, top = panel.defaults.get("min"), panel.defaults.get("max")
    axes.set_ylim(bottom=bottom, top=top)
    if top is None and axes.get_ylim()[1] < 1e-9:
        axes.set_ylim(top=1)
    if custom.get("thresholdsStyle", {}).get("mode") == "dashed":
        for step in panel.defaults["thresholds"]["steps"]:
            if step["value"] is not None and step["value"] <= axes.get_ylim()[1]:
                axes.axhline(step["value"], color=NAMED[step["color"]], linewidth=1, linestyle=(0, (6, 4)))
    axes.grid(color=BORDER, linewidth=0.6)
    axes.tick_params(colors=FAINT, labelsize=8.5, length=0)
    axes.yaxis.set_major_locator(ticker.MultipleLocator(2 ** round(math.log2(axes.get_ylim()[1] / 4)))
                                 if panel.unit == "bytes" else ticker.MaxNLocator(5))
    axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda v, _: written(v, panel.unit)))
    longest = max(len(written(v, panel.unit)) for v in axes.get_yticks() if axes.get_ylim()[0] <= v <= axes.get_ylim()[1])
    left, place = 22 + 6.6 * longest, axes.get_position()
    axes.set_position([(x + left) / sheet.width, place.y0, (width - left - 24) / sheet.width, place.height])
    axes.xaxis.set_major_locator(dates.AutoDateLocator(minticks=3, maxticks=max(4, int(width / 80))))
    axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M:%S" if limits[1] - limits[0] < datetime.timedelta(
        minutes=4) else "%H:%M"))
    for spine in axes.spines.values():
        spine.set_visible(False)
    _draw_legend(sheet, panel, shown, colours, len(lines), x, y + height - legend - 6, width)


def _draw_legend(sheet, panel, shown, colours, total, x, y, width):
    longest = max((len(written(v, panel.unit, panel.defaults.get("decimals"))) for _, _, values in shown
                   for v in values if math.isfinite(v)), default=0)
    most = x + width - 16
    last = most - max(50, 22 + 6.6 * longest)
    sheet.text(last, y + 8, "last", 8, FAINT, ha="right")
    sheet.text(most, y + 8, "max", 8, FAINT, ha="right")
    for number, (name, _, values) in enumerate(shown, start=1):
        height = y + 8 + LINE * number
        finite = [v for v in values if math.isfinite(v)]
        sheet.text(x + 14, height, "—", 11, colours[number - 1], weight="bold")
        room = int((2 * last - most - x - 34) / 6.4)
        sheet.text(x + 34, height, textwrap.shorten(name, room, placeholder="…") if len(name) > room else name, 9)
        for place, value in ((last, finite[-1]), (most, max(finite))):
            sheet.text(place, height, written(value, panel.unit, panel.defaults.get("decimals")), 9, ha="right")
    if total > len(shown):
        sheet.text(x + 34, y + 8 + LINE * (len(shown) + 1), f"and {total - len(shown)} more", 9, FAINT)
    if not shown:
        sheet.text(x + 14, y + 8, panel.defaults.get("noValue", "none"), 9, FAINT)
