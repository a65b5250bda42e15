"""Training: what the fine-tuning jobs do now, how good their models become, and how they ended."""
from board import BLUE, GREEN, INSTANCE, JOB, RED, YELLOW, bars, board, curves, number, row

HERE = 'instance=~"$instance"'
OF_JOB = 'instance=~"$instance",job=~"$job"'
LABELS_ONLY = OF_JOB + ',type!~"micro|macro"'
MICRO = OF_JOB + ',type="micro"'


def ended(state):
    return f'sum(increase(fintag_jobs_ended_total{{{HERE},state="{state}"}}[$__range]))'


def while_it_ran(metric, selector):
    """A job's gauges outlive it: without this every old job would stand in the picture as a straight line."""
    return (f"fintag_training_{metric}{{{selector}}} and on (instance, job) "
            f"last_over_time(fintag_training_last_event_timestamp_seconds{{{OF_JOB}}}[1m])")


def by_label(score):
    return ("{{type}}, job {{job}}", while_it_ran(score, LABELS_ONLY))


def training():
    made = board("fintag-training", "Fintag: Training",
                 "Fine-tuning jobs: progress, scores by epoch and label, speed, outcomes", [INSTANCE, JOB])
    made.with_panel(number(
        "Running jobs", "Jobs whose trainer works now, be it starting, training or being stopped.", "short", "running",
        f'sum(fintag_jobs{{{HERE},state=~"VALIDATING|RUNNING|PAUSING|CANCELLING"}})', decimals=0))
    made.with_panel(number(
        "Waiting jobs", "Jobs that wait for their turn: as many run at once as --max-running-jobs allows.", "short", "waiting",
        f'sum(fintag_jobs{{{HERE},state=~"QUEUED|PAUSED"}})', decimals=0))
    made.with_panel(number(
        "Succeeded", "Jobs that ended well within the time range shown above.", "short", "succeeded",
        ended("SUCCEEDED"), limits=((GREEN, None),), decimals=0))
    made.with_panel(number(
        "Failed", "Jobs that failed within the time range shown above.", "short", "failed", ended("FAILED"),
        limits=((GREEN, None), (RED, 0.5)), decimals=0))
    made.with_panel(number(
        "Best F1", "The highest micro F1 of the jobs that run or ended within a minute, from 0 to 1 (higher is better).", "none", "F1",
        f"max({while_it_ran('f1', MICRO)})", decimals=4))
    made.with_panel(number(
        "Longest silence", "Seconds since the quietest running job last reported. A trainer reports several times a "
        "minute; minutes of silence mean that it is stuck. None where no job runs.", "s", "silence",
        f"max(time() - fintag_training_last_event_timestamp_seconds{{{OF_JOB}}})",
        limits=((GREEN, None), (YELLOW, 300), (RED, 900)), decimals=0))

    made.with_row(row("Learning"))
    made.with_panel(curves(
        "Loss", "Training loss of the latest step, in nats (lower is better); at the end of an epoch the epoch's mean. "
        "Should fall quickly and level off; growing or jumping means a learning rate that is too high.", "suffix:nats",
        ("job {{job}}", while_it_ran("loss", OF_JOB)), height=11))
    made.with_panel(curves(
        "F1, precision, recall, accuracy", "Micro averages on the validation part after each epoch, from 0 to 1; a "
        "step is an epoch. Precision: share of the found entities that are right. Recall: share of the right entities "
        "that were found. F1 joins the two. Accuracy counts words, most of which are no entity.", "none",
        ("F1, job {{job}}", while_it_ran("f1", MICRO)),
        ("precision, job {{job}}", while_it_ran("precision", MICRO)),
        ("recall, job {{job}}", while_it_ran("recall", MICRO)),
        ("accuracy, job {{job}}", while_it_ran("accuracy", MICRO)), top=1, steps=True,
        decimals=4, height=11))
    made.with_panel(curves(
        "Epoch", "The pass over the training data that each job is in, from 1.", "prefix:epoch ",
        ("job {{job}}", while_it_ran("epoch", OF_JOB)), steps=True))
    made.with_panel(curves(
        "Training speed", "Tokens (pieces of words) trained on in each second.", "count:tokens/s",
        ("job {{job}}", while_it_ran("tokens_per_second", OF_JOB))))

    made.with_row(row("By label"))
    made.with_panel(curves("F1 by label", "F1 of each entity label after each epoch, from 0 to 1. A label that stays "
                           "low has too few or contradictory examples.", "none", by_label("f1"), width=8, top=1,
                           steps=True, decimals=4, height=11))
    made.with_panel(curves("Precision by label", "Share of the found entities of a label that are right, after each "
                           "epoch.", "none", by_label("precision"), width=8, top=1, steps=True,
                           decimals=4, height=11))
    made.with_panel(curves("Recall by label", "Share of a label's entities that were found, after each epoch.", "none",
                           by_label("recall"), width=8, top=1, steps=True, decimals=4, height=11))

    made.with_row(row("Outcomes"))
    made.with_panel(bars(
        "Jobs that ended", "Jobs that ended within the time range shown above, by final state.", "short",
        ("{{state}}", f"sum by (state) (increase(fintag_jobs_ended_total{{{HERE}}}[$__range]))"), width=8, decimals=0))
    made.with_panel(bars(
        "Jobs in the store", "All jobs that the server knows, by state.", "short",
        ("{{state}}", f"sum by (state) (fintag_jobs{{{HERE}}}) > 0"), width=8, decimals=0))
    made.with_panel(bars(
        "F1 of model versions", "Micro F1 of the newest versions of each model on their validation part, from 0 to 1. "
        "The alert FintagNewVersionWorse compares a model's newest version with the one before.", "none",
        ("{{model}} version {{version}}", f"max by (model, version) (fintag_model_f1{{{HERE}}})"), width=8, top=1,
        limits=((BLUE, None),), decimals=4))
    return made
