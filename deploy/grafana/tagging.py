"""Tagging: what callers get, how fast, and whether the texts still look like those that the model was trained on."""
from board import GREEN, INSTANCE, MODEL, RED, YELLOW, board, curves, number, row

CALLS = ('instance=~"$instance",method=~"fintag.v1.TaggingService/Tag(Stream)?|inference.GRPCInferenceService/Model(Stream)?Infer"')
OF_MODEL = 'instance=~"$instance",model=~"$model"'
VERSION = "{{model}} version {{version}}"
# Codes that are the server's fault or limit, not the caller's.
FAULTS = "INTERNAL|UNKNOWN|UNAVAILABLE|DATA_LOSS|DEADLINE_EXCEEDED|RESOURCE_EXHAUSTED"


def latency(quantile):
    return (f"histogram_quantile({quantile}, sum by (le) "
            f"(rate(fintag_request_duration_seconds_bucket{{{CALLS}}}[$__rate_interval])))")


def of_version(quantile, histogram):
    return (f"histogram_quantile({quantile}, sum by (model, version, le) "
            f"(rate({histogram}_bucket{{{OF_MODEL}}}[$__rate_interval])))")


def per_second(counter, by):
    return f"sum by ({by}) (rate({counter}{{{OF_MODEL}}}[$__rate_interval]))"


QUEUE_FILL = f"fintag_queue_tokens{{{OF_MODEL}}} / on (instance) group_left () fintag_max_queue_tokens"
BATCH_FILL = (f"{per_second('fintag_batch_tokens_sum', 'instance, model, version')} / "
              f"{per_second('fintag_batch_tokens_count', 'instance, model, version')} "
              "/ on (instance) group_left () fintag_max_batch_tokens")
FAULT_SHARE = (f'(sum(rate(fintag_requests_total{{{CALLS},code=~"{FAULTS}"}}[$__rate_interval])) or vector(0)) '
               f"/ sum(rate(fintag_requests_total{{{CALLS}}}[$__rate_interval]))")


def tagging():
    made = board("fintag-tagging", "Fintag: Tagging",
                 "Requests, latency, queue, and what the models find in the texts", [INSTANCE, MODEL])
    made.with_panel(number(
        "Requests", "Tag requests that ended, in each second. A request may hold many texts.", "reqps", "requests",
        f"sum(rate(fintag_requests_total{{{CALLS}}}[$__rate_interval]))", decimals=1))
    made.with_panel(number(
        "Failed requests", "Share of tag requests that failed through the server's fault or limits: internal errors, "
        "full queue, deadline passed. Wrong arguments of callers do not count.", "percentunit", "failed", FAULT_SHARE,
        limits=((GREEN, None), (YELLOW, 0.01), (RED, 0.05)), decimals=2))
    made.with_panel(number(
        "Latency, 99th percentile", "99 of 100 tag requests are answered within this time, waiting included.", "s",
        "p99", latency(0.99), limits=((GREEN, None), (YELLOW, 1), (RED, 2))))
    made.with_panel(number(
        "Texts", "Texts tagged in each second, of all requests together.", "suffix:texts/s", "texts",
        f"sum(rate(fintag_sentences_total{{{OF_MODEL}}}[$__rate_interval]))", decimals=1))
    made.with_panel(number(
        "Tokens", "Tokens (pieces of words) tagged in each second: the measure of throughput.", "count:tokens/s", "tokens",
        f"sum(rate(fintag_tokens_total{{{OF_MODEL}}}[$__rate_interval]))", decimals=0))
    made.with_panel(number(
        "Fullest queue", "How full the fullest model's queue is. At 100 % requests are refused.", "percentunit",
        "fullest queue", f"max({QUEUE_FILL})", limits=((GREEN, None), (YELLOW, 0.5), (RED, 0.8)), decimals=1))

    made.with_row(row("Requests"))
    made.with_panel(curves(
        "Requests by status code", "Tag requests that ended in each second, by gRPC status code. Green is success, "
        "yellow are mistakes of callers, red are faults or limits of the server: RESOURCE_EXHAUSTED means refused "
        "because the queue was full.", "reqps",
        ("{{code}}", f"sum by (code) (rate(fintag_requests_total{{{CALLS}}}[$__rate_interval]))"), stack=True,
        colours={"^OK$": GREEN, f"^({FAULTS})$": RED, f"^(?!(OK|{FAULTS})$)": YELLOW}))
    made.with_panel(curves(
        "Latency of requests", "From a tag request's arrival to its answer. p50 is the typical request, p95 and p99 "
        "the slow ones. The dashed line is where the alert FintagSlow stands.", "s",
        ("p50, half of the requests", latency(0.5)), ("p95", latency(0.95)), ("p99", latency(0.99)), warn=2))

    made.with_row(row("Throughput"))
    made.with_panel(curves(
        "Tokens per second", "Tokens (pieces of words) tagged in each second, by model version.", "count:tokens/s",
        (VERSION, per_second("fintag_tokens_total", "model, version"))))
    made.with_panel(curves(
        "Where the time goes", "95 of 100 requests wait no longer than this for their first batch, and 95 of 100 "
        "forward passes take no longer than this. Waiting far above computing means too much load.", "s",
        ("waiting, " + VERSION, of_version(0.95, "fintag_queue_duration_seconds")),
        ("computing, " + VERSION, of_version(0.95, "fintag_inference_duration_seconds"))))
    made.with_panel(curves(
        "Queue fill", "Tokens that wait for a model, as a share of the limit (--max-queue-tokens). The dashed line is "
        "where the alert FintagQueueFull stands; at 100 % requests are refused.", "percentunit",
        (VERSION, f"max by (model, version) ({QUEUE_FILL})"), top=1, warn=0.8))
    made.with_panel(curves(
        "Batch fill", "Tokens in an average batch, as a share of the limit (--max-batch-tokens). Low under load means "
        "few requests at once: more callers, or more texts in a request, would give more tokens per second.",
        "percentunit", (VERSION, f"avg by (model, version) ({BATCH_FILL})"), top=1))

    made.with_row(row("What the models find"))
    made.with_panel(curves(
        "Entities by label", "Entities found in each second, by label. A label that vanishes or takes over without a "
        "change of texts deserves a look.", "suffix:entities/s", ("{{label}}", per_second("fintag_entities_total", "label")),
        stack=True))
    made.with_panel(curves(
        "Confidence", "Scores of the entities found, from 0 to 1: nine of ten entities score above the lower curve, "
        "half of them above the upper one. Falls when the texts drift away from the training data.", "percentunit",
        ("half score above, " + VERSION, of_version(0.5, "fintag_entity_confidence")),
        ("nine of ten score above, " + VERSION, of_version(0.1, "fintag_entity_confidence")), top=1))
    made.with_panel(curves(
        "Unknown tokens", "Share of tokens that the model's vocabulary does not have: text of another language or kind "
        "than the model knows.", "percentunit",
        (VERSION, f"{per_second('fintag_unknown_tokens_total', 'model, version')} / "
         f"{per_second('fintag_tokens_total', 'model, version')}")))
    made.with_panel(curves(
        "F1 by model version", "F1 on the validation part of the job that made the version, from 0 to 1 (higher is "
        "better), for the newest versions of each model.", "none",
        (VERSION, f"max by (model, version) (fintag_model_f1{{{OF_MODEL}}})"), top=1, decimals=4))
    return made
