"""Reads the dashboards' JSON and asks a Prometheus what Grafana would ask: variables and intervals filled in."""
import json
import re
import urllib.parse
import urllib.request
from dataclasses import dataclass, field


@dataclass
class Query:
    expression: str
    legend: str
    instant: bool


@dataclass
class Panel:
    kind: str  # "timeseries", "stat", "bargauge", "row"
    title: str
    description: str
    unit: str
    x: int  # of Grafana's grid of 24 columns
    y: int
    width: int
    height: int
    queries: list[Query]
    defaults: dict = field(default_factory=dict)  # Grafana's fieldConfig.defaults
    options: dict = field(default_factory=dict)
    overrides: list = field(default_factory=list)  # Grafana's fieldConfig.overrides

    def colour_of(self, legend):
        """The colour that an override gives to a series; None if none does."""
        for override in self.overrides:
            if re.search(override["matcher"]["options"].strip("/"), legend):
                return override["properties"][0]["value"]["fixedColor"]
        return None


@dataclass
class Dashboard:
    title: str
    panels: list[Panel]
    variables: dict[str, str]  # name -> "label_values(...)"


def read_dashboard(file):
    model = json.loads(file.read_text(encoding="utf-8"))
    panels = []
    for panel in model["panels"]:
        place, defaults = panel["gridPos"], panel.get("fieldConfig", {}).get("defaults", {})
        queries = [Query(t["expr"], t["legendFormat"], t.get("instant", False)) for t in panel.get("targets", [])]
        panels.append(Panel(panel["type"], panel["title"], panel.get("description", ""), defaults.get("unit", ""),
                            place["x"], place["y"], place["w"], place["h"], queries, defaults,
                            panel.get("options", {}), panel.get("fieldConfig", {}).get("overrides", [])))
    variables = {v["name"]: v["query"] for v in model["templating"]["list"] if v["type"] == "query"}
    return Dashboard(model["title"], panels, variables)


def legend_of(form, labels):
    return re.sub(r"{{\s*(\w+)\s*}}", lambda match: labels.get(match[1], ""), form)


class Prometheus:
    """The HTTP API of a Prometheus, for one stretch of time (Unix seconds)."""

    def __init__(self, address, start, end, rate_seconds):
        self.address, self.start, self.end, self.rate_seconds = address, start, end, rate_seconds

    def _get(self, path, **parameters):
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.address}/api/v1/{path}?{query}", timeout=30) as answer:
            return json.load(answer)["data"]

    def values_of(self, definition, known):
        """The values that a variable "label_values(metric{...}, label)" offers."""
        match = re.fullmatch(r"label_values\((.*),\s*(\w+)\)", definition)
        return self._get(f"label/{match[2]}/values", **{"match[]": self.fill(match[1], known)}, start=self.start,
                         end=self.end)

    def variables(self, dashboard):
        """All values of every variable, as Grafana's "All" joins them."""
        known = {}
        for name, definition in dashboard.variables.items():
            known[name] = "(" + "|".join(re.escape(v) for v in self.values_of(definition, known)) + ")"
        return known

    def fill(self, expression, variables):
        """The expression with variables and Grafana's intervals in place."""
        for name, value in {**variables, "__rate_interval": f"{self.rate_seconds}s",
                            "__range": f"{max(1, round(self.end - self.start))}s"}.items():
            # Inside a quoted string a backslash is escaped once more.
            expression = re.sub(rf"\${name}\b", lambda _, v=value: v.replace("\\", "\\\\"), expression)
        if "$" in expression:
            raise ValueError(f"a variable is left in {expression}")
        return expression

    def instant(self, expression, variables, time=None):
        """[(labels, value)]"""
        result = self._get("query", query=self.fill(expression, variables), time=time or self.end)["result"]
        return [(r["metric"], float(r["value"][1])) for r in result]

    def range(self, expression, variables, points=240):
        """[(labels, [(time, value)])]"""
        step = max(1, (self.end - self.start) / points)
        result = self._get("query_range", query=self.fill(expression, variables), start=self.start, end=self.end,
                           step=step)["result"]
        return [(r["metric"], [(float(t), float(v)) for t, v in r["values"]]) for r in result]
