"""Flows of jobs, and what `Job` and `AsyncJob` show of one."""
from __future__ import annotations

import time
from datetime import datetime
from typing import Any, AsyncGenerator, List, Optional

from . import _methods as methods
from ._names import Name, full_name, id_of, new_request_id
from ._port import Backoff, Port, call, log
from ._registry import pages
from ._resources import optional_time
from ._scores import flat
from ._tables import table
from ._training import (
    Epoch, Event, JobState, Progress, StateChanged, TrainingFailed, TrainingOptions, job_spec, options_of)
from .errors import DeadlineExceeded, FintagError, JobCancelled, JobFailed, ResourceExhausted, Unavailable
from .v1 import training_pb2 as pb

# A watch asks anew after so many seconds, so that a peer that vanished silently is noticed.
_RENEWAL = 300.0


class JobView:
    """A job as it was last heard of: `watch`, `wait`, `cancel` and `refresh` bring news."""

    def __init__(self, message: pb.Job) -> None:
        self._message = message
        self._take(message)

    def _take(self, message: pb.Job) -> None:
        self._message = message
        self._state = JobState.of(message.state)
        self._epochs = [Epoch.of(epoch) for epoch in message.epochs]
        self._progress = flat(Progress, message.progress) if message.HasField("progress") else None
        self._failure_reason, self._model_version = message.failure_reason, message.model_version

    def _hear(self, event: Event) -> None:
        what = event.what
        if isinstance(what, StateChanged):
            self._state = what.state
            self._failure_reason = what.reason or self._failure_reason
            self._model_version = what.model_version or self._model_version
        elif isinstance(what, TrainingFailed):
            self._failure_reason = what.reason
        elif isinstance(what, Epoch):
            # A trainer that was started again repeats epochs; the last word counts.
            self._epochs = [epoch for epoch in self._epochs if epoch.epoch < what.epoch] + [what]
        elif isinstance(what, Progress):
            self._progress = what

    def _end(self) -> None:
        """Raises where the job ended in another way than it was meant to."""
        if self._state is JobState.FAILED:
            raise JobFailed(f"{self.name} failed: {self._failure_reason or 'for no known reason'}", self,
                            self._failure_reason)
        if self._state is JobState.CANCELLED:
            kept = f"; what it had learnt is kept as {self._model_version}" if self._model_version else ""
            raise JobCancelled(f"{self.name} was cancelled{kept}", self)

    @property
    def name(self) -> str:
        return self._message.name

    @property
    def id(self) -> str:
        return id_of(self.name)

    @property
    def state(self) -> JobState:
        return self._state

    @property
    def epochs(self) -> List[Epoch]:
        """Finished ones, in order."""
        return list(self._epochs)

    @property
    def progress(self) -> Optional[Progress]:
        """Of a running job, within its epoch."""
        return self._progress

    @property
    def failure_reason(self) -> str:
        """The trainer's own, of a failed job."""
        return self._failure_reason

    @property
    def model_version(self) -> str:
        """"models/tagger/versions/1"; empty until there is one."""
        return self._model_version

    @property
    def dataset(self) -> str:
        return self._message.spec.dataset

    @property
    def base(self) -> str:
        return self._message.spec.base

    @property
    def model(self) -> str:
        return self._message.spec.model

    @property
    def options(self) -> TrainingOptions:
        """As the server took them, with its defaults."""
        return options_of(self._message.spec)

    @property
    def create_time(self) -> Optional[datetime]:
        return optional_time(self._message, "create_time")

    @property
    def start_time(self) -> Optional[datetime]:
        """When the trainer started; as of the last answer of the server, not of a watch."""
        return optional_time(self._message, "start_time")

    @property
    def end_time(self) -> Optional[datetime]:
        return optional_time(self._message, "end_time")

    def to_pandas(self) -> Any:
        """One row an epoch."""
        columns = ["epoch", "train_loss", "validation_loss", "precision", "recall", "f1", "accuracy",
                   "tokens_per_second", "best"]
        rows = [[getattr(epoch, name) for name in columns] for epoch in self._epochs]
        return table(rows, columns).set_index("epoch")

    def __repr__(self) -> str:
        best = max((epoch.f1 for epoch in self._epochs), default=None)
        count = f"{len(self._epochs)} epoch{'' if len(self._epochs) == 1 else 's'}"
        f1 = f", {count}, best F1 {best:.4f}" if best is not None else ""
        made = f", made {self._model_version}" if self._model_version else ""
        reason = f": {self._failure_reason}" if self._failure_reason else ""
        return f"<{type(self).__name__} {self.name}: {self._state}{reason}{f1}{made}>"


async def create_job(port: Port, dataset: Name, base: Name, model: Name, request_id: Optional[str],
                     options: TrainingOptions) -> pb.Job:
    spec = job_spec(dataset, base, model, options)
    return await call(port, methods.CREATE_JOB,
                      pb.CreateJobRequest(spec=spec, request_id=request_id or new_request_id()))


async def get_job(port: Port, name: Name) -> pb.Job:
    return await call(port, methods.GET_JOB, pb.GetJobRequest(name=full_name("jobs", name)))


async def list_jobs(port: Port, limit: Optional[int]) -> List[pb.Job]:
    return await pages(port, methods.LIST_JOBS, limit, lambda page: list(page.jobs))


async def cancel_job(port: Port, name: Name) -> pb.Job:
    return await call(port, methods.CANCEL_JOB, pb.CancelJobRequest(name=full_name("jobs", name)))


async def delete_job(port: Port, name: Name) -> None:
    await call(port, methods.DELETE_JOB, pb.DeleteJobRequest(name=full_name("jobs", name)))


async def watch_job(port: Port, name: Name, after: int) -> AsyncGenerator[Event, None]:
    """Every event behind `after`, to the job's end; comes back by itself to a server that was lost."""
    # Until the server has been seen once, its absence is more likely a wrong address than a restart.
    job = await get_job(port, name)
    lost, backoff = time.monotonic(), Backoff()
    while True:
        failure: FintagError = Unavailable("the server closed the watch before the job's end")
        request = pb.WatchJobRequest(name=job.name, after_sequence=after)
        stream = port.receive(methods.WATCH_JOB, request, _RENEWAL)
        try:
            async for message in stream:
                lost, backoff = time.monotonic(), Backoff()
                if message.sequence > after:
                    after = message.sequence
                    yield Event.of(message)
        except DeadlineExceeded:
            lost = time.monotonic()
            continue
        except (Unavailable, ResourceExhausted) as error:
            failure = error
        else:
            job = await get_job(port, name)
            if JobState.of(job.state).final and job.last_sequence <= after:
                return
        finally:
            await stream.aclose()
        delay = backoff.next(failure)
        if time.monotonic() + delay >= lost + port.options.reconnect_for:
            raise failure
        log.info("watch of %s: %s; coming back", job.name, failure)
        await port.sleep(delay)
