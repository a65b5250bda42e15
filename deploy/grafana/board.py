"""The few kinds of panel that the dashboards are made of, on Grafana's typed builders.

Every panel has a title, a description for someone who has never seen the metric, a unit, and legends. Queries use the
variables $instance, $model and $job and, for rates, $__rate_interval.
"""
from grafana_foundation_sdk.builders import bargauge, common, dashboard, prometheus, stat as stat_panel, timeseries
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models import dashboard as models

DATA_SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
GREEN, YELLOW, RED, BLUE = "green", "yellow", "red", "blue"
WIDTH = 24  # of Grafana's grid


def board(uid, title, description, variables):
    """An empty dashboard with its variables, linked to its sisters."""
    made = (dashboard.Dashboard(title).uid(uid).description(description).tags(["fintag"]).editable()
            .timezone("browser").time("now-1h", "now").refresh("15s")
            .tooltip(models.DashboardCursorSync.CROSSHAIR)
            .link(dashboard.DashboardLink("Fintag").type(models.DashboardLinkType.DASHBOARDS).tags(["fintag"])
                  .keep_time(True).include_vars(True))
            .with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
                           .description("The Prometheus that scrapes fintagd")))
    for name, label, query, help_text in variables:
        made.with_variable(
            dashboard.QueryVariable(name).label(label).description(help_text).datasource(DATA_SOURCE)
            .query(query).multi(True).include_all(True)
            .current(models.VariableOption(text="All", value="$__all"))
            .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(models.VariableSort.ALPHABETICAL_ASC))
    return made


# (name, label, query, description) of each variable.
INSTANCE = ("instance", "Server", "label_values(fintag_build_info, instance)", "Servers to show, by scraped address")
# Those with scores, those in memory and those that have tagged: no series has all of them.
MODELS = '{__name__=~"fintag_model_f1|fintag_queue_tokens|fintag_sentences_total",instance=~"$instance"}'
MODEL = ("model", "Model", f"label_values({MODELS}, model)", "Models to show")
JOB = ("job", "Job", 'label_values(fintag_training_epoch{instance=~"$instance"}, job)', "Fine-tuning jobs to show")


def _targets(panel, queries, instant):
    for number, (legend, expression) in enumerate(queries):
        query = (prometheus.Dataquery().expr(expression).legend_format(legend).ref_id(chr(ord("A") + number))
                 .datasource(DATA_SOURCE))
        panel.with_target(query.instant() if instant else query.range())
    return panel


def _describe(panel, title, description, unit, width, height):
    return panel.title(title).description(description).unit(unit).datasource(DATA_SOURCE).span(width).height(height)


def _steps(limits):
    """Thresholds from [(colour, from value)]; the first value is None."""
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(
        [models.Threshold(color=colour, value=value) for colour, value in limits])


def row(title):
    return dashboard.Row(title)


def number(title, description, unit, legend, expression, width=4, limits=((BLUE, None),), decimals=None, name=False):
    """The value now, large; with `name` the legend, for what has no number."""
    panel = _describe(stat_panel.Panel(), title, description, unit, width, 4)
    if decimals is not None:
        panel.decimals(decimals)
    panel.thresholds(_steps(limits)).no_value("none")
    panel.graph_mode(kinds.BigValueGraphMode.NONE).color_mode(kinds.BigValueColorMode.VALUE)
    panel.text_mode(kinds.BigValueTextMode.NAME if name else kinds.BigValueTextMode.VALUE)
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    return _targets(panel, [(legend, expression)], instant=True)


def curves(title, description, unit, *queries, width=12, stack=False, steps=False, top=None, warn=None, decimals=None,
           colours=None, height=8):
    """Lines over time. queries: (legend, expression). stack: as areas on each other. steps: values hold until the next
    is set. top: of the axis. warn: a dashed line where an alert stands. colours: of the legends that
    match a pattern, where the palette's would mislead."""
    panel = _describe(timeseries.Panel(), title, description, unit, width, height)
    panel.line_width(1.5).fill_opacity(60 if stack else 0 if steps else 8).show_points(kinds.VisibilityMode.NEVER).no_value("none")
    panel.legend(common.VizLegendOptions().show_legend(True).display_mode(kinds.LegendDisplayMode.TABLE)
                 .placement(kinds.LegendPlacement.BOTTOM).calcs(["lastNotNull", "max"]))
    panel.tooltip(common.VizTooltipOptions().mode(kinds.TooltipDisplayMode.MULTI)
                  .sort(kinds.SortOrder.DESCENDING))
    panel.min(0)
    if top is not None:
        panel.max(top)
    if decimals is not None:
        panel.decimals(decimals)
    if stack:
        panel.stacking(common.StackingConfig().mode(kinds.StackingMode.NORMAL).group("A"))
    if steps:
        panel.line_interpolation(kinds.LineInterpolation.STEP_AFTER)
    if warn is not None:
        panel.thresholds(_steps([(GREEN, None), (RED, warn)]))
        panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(kinds.GraphThresholdsStyleMode.DASHED))
    for pattern, colour in (colours or {}).items():
        panel.override_by_regexp(f"/{pattern}/", [models.DynamicConfigValue(
            id_val="color", value={"mode": "fixed", "fixedColor": colour})])
    return _targets(panel, queries, instant=False)


def bars(title, description, unit, *queries, width=12, top=None, limits=((BLUE, None),), decimals=None):
    """One bar for each series, as it is now."""
    panel = _describe(bargauge.Panel(), title, description, unit, width, 8)
    panel.min(0).thresholds(_steps(limits)).no_value("none")
    panel.orientation(kinds.VizOrientation.HORIZONTAL).display_mode(kinds.BarGaugeDisplayMode.BASIC)
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    if top is not None:
        panel.max(top)
    if decimals is not None:
        panel.decimals(decimals)
    return _targets(panel, queries, instant=True)
