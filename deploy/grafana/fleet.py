"""Fleet: the servers as processes - up, which build, and what they take of processors, memory and disk."""
from board import GREEN, INSTANCE, RED, YELLOW, bars, board, curves, number, row

HERE = 'instance=~"$instance"'
DISK_USED = f"1 - fintag_data_filesystem_avail_bytes{{{HERE}}} / fintag_data_filesystem_size_bytes{{{HERE}}}"


def fleet():
    made = board("fintag-fleet", "Fintag: Fleet", "Servers and trainers: processes, memory, disk, build", [INSTANCE])
    made.with_panel(number(
        "Servers up", "Servers that answered the latest scrape.", "short", "up",
        f"sum(up{{{HERE}}})", limits=((RED, None), (GREEN, 1)), decimals=0))
    made.with_panel(number(
        "Build", "Versions of the program that run. More than one means an unfinished roll-out.", "none",
        "{{version}}", f"count by (version) (fintag_build_info{{{HERE}}})", name=True))
    made.with_panel(number(
        "Youngest process", "Time since the latest start of a server: short means that one was restarted.", "s",
        "running for", f"min(time() - process_start_time_seconds{{{HERE}}})"))
    made.with_panel(number(
        "Starts", "Starts of servers that Prometheus saw within the time range shown above, after the first.", "short",
        "starts", f"sum(changes(process_start_time_seconds{{{HERE}}}[$__range]))",
        limits=((GREEN, None), (YELLOW, 1)), decimals=0))
    made.with_panel(number(
        "Models in memory", "Model versions that servers have loaded (--model-memory is the limit of one).",
        "short", "loaded", f"count(fintag_queue_tokens{{{HERE}}}) or vector(0)", decimals=0))
    made.with_panel(number(
        "Fullest disk", "How full the file system with the data folder is, on the server where it is fullest.",
        "percentunit", "used", f"max({DISK_USED})", limits=((GREEN, None), (YELLOW, 0.8), (RED, 0.9)), decimals=1))

    made.with_row(row("Processes"))
    made.with_panel(curves(
        "Processors in use", "Processors that each process keeps busy: 1 is one core. Trainers are processes of their "
        "own beside the server.", "suffix:cores",
        ("server {{instance}}", f"rate(process_cpu_seconds_total{{{HERE}}}[$__rate_interval])"),
        ("trainer of job {{job}}", f"rate(fintag_trainer_cpu_seconds_total{{{HERE}}}[$__rate_interval])"), stack=True))
    made.with_panel(curves(
        "Memory", "Resident memory of each process. The server's holds the loaded models; a trainer's goes when its "
        "job ends.", "bytes", ("server {{instance}}", f"process_resident_memory_bytes{{{HERE}}}"),
        ("trainer of job {{job}}", f"fintag_trainer_resident_memory_bytes{{{HERE}}}"), stack=True))
    made.with_panel(curves(
        "Open files and connections", "Files and network connections that each server has open, as a share of its "
        "limit. At 100 % it can take no more calls.", "percentunit",
        ("server {{instance}}", f"process_open_fds{{{HERE}}} / process_max_fds{{{HERE}}}")))
    made.with_panel(curves(
        "Calls by method", "gRPC calls that ended in each second, of every method. Streams count once, when they end.",
        "reqps", ("{{method}}", f"sum by (method) (rate(fintag_requests_total{{{HERE}}}[$__rate_interval]))"),
        stack=True))

    made.with_row(row("Disk"))
    made.with_panel(curves(
        "Disk in use", "Share of the file system with the data folder that is used. The dashed line is where the alert "
        "FintagDiskNearlyFull stands; a full disk ends running jobs and refuses uploads.", "percentunit",
        ("server {{instance}}", DISK_USED), top=1, warn=0.9))
    made.with_panel(bars(
        "Disk space", "What the servers may still write to the file system with their data folder, and what is taken. A trained "
        "version takes as much as its weights, some 90 to 450 MB.", "bytes",
        ("left, {{instance}}", f"fintag_data_filesystem_avail_bytes{{{HERE}}}"),
        ("in use, {{instance}}", f"fintag_data_filesystem_size_bytes{{{HERE}}} - "
         f"fintag_data_filesystem_avail_bytes{{{HERE}}}")))
    return made
