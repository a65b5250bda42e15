"""Numbers as Grafana writes them, for the units that the dashboards use."""
import math

_BYTES = ("B", "KiB", "MiB", "GiB", "TiB")
_COUNTS = ("", " K", " M", " B")
_TIMES = ((86400, "days"), (3600, "h"), (60, "min"), (1, "s"), (1e-3, "ms"), (1e-6, "µs"))


def _digits(value, decimals):
    """With `decimals`, or else with three significant digits."""
    if decimals is not None:
        return f"{value:,.{int(decimals)}f}"
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    places = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _scaled(value, base, names, decimals):
    power = 0
    while abs(value) >= base and power + 1 < len(names):
        value, power = value / base, power + 1
    return _digits(value, None if power else decimals), names[power]


def written(value, unit, decimals=None):
    """The value with its unit. ValueError for a unit that this does not know."""
    if unit == "none":
        return _digits(value, decimals)
    if unit == "short":
        return "".join(_scaled(value, 1000, _COUNTS, decimals))
    if unit == "percentunit":
        return _digits(value * 100, decimals) + "%"
    if unit == "s":
        size, name = next(((size, name) for size, name in _TIMES if abs(value) >= size), (1, "s"))
        return f"{_digits(value / size, decimals)} {name}"
    if unit == "bytes":
        return " ".join(_scaled(value, 1024, _BYTES, decimals))
    if unit == "reqps":
        return "".join(_scaled(value, 1000, _COUNTS, decimals)) + " req/s"
    kind, _, name = unit.partition(":")
    if kind == "count":
        return "".join(_scaled(value, 1000, _COUNTS, decimals)) + " " + name
    if kind == "suffix":
        return f"{_digits(value, decimals)} {name}"
    if kind == "prefix":
        return name + _digits(value, decimals)
    raise ValueError(f"unit {unit} is not known")
