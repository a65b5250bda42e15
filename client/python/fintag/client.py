"""The blocking client. `fintag.aio` has the same for an event loop."""
from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Generator, Iterable, List, Optional, Union, overload

from . import _admin, _jobs, _registry, _tagging
from ._blocking import BlockingPort, iterate, run
from ._jobs import JobView
from ._names import Name
from ._options import Tls, make_options
from ._progress import TrainingBar
from ._records import Source
from ._resources import Backup, Dataset, Model, ModelVersion
from ._tagged import TaggedText, TaggedTexts, TextLike, Words
from ._training import Epoch, Event, TrainingOptions
from .v1.training_pb2 import Job as JobMessage

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Client:
    """One connection to a server; safe to use from many threads.

    server: "HOST:PORT" (environment: FINTAG_SERVER; default localhost:50051).
    token: sent with every call as a bearer token (the content of FINTAG_TOKEN_FILE, or FINTAG_TOKEN).
    tls: True, or `Tls(ca=..., certificate=..., key=...)` (FINTAG_TLS=1; FINTAG_CA, FINTAG_CERTIFICATE,
        FINTAG_KEY). False: not encrypted, whatever the environment says.
    timeout, transfer_timeout: seconds for a call, or for an upload, an import or an export.
    retry_for: seconds in which a call that is safe to repeat is repeated while the server is away or, to tag, full.
    reconnect_for: seconds in which a watch tries to come back to a server it has lost.
    insecure_token: send the token though nothing here encrypts the connection.

    Nothing is sent before the first call. Datasets, models and jobs may be named by id ("fin"), in full
    ("datasets/fin", "models/tagger/versions/2"), or given as the objects that calls return.
    """

    def __init__(self, server: Optional[str] = None, token: Optional[str] = None, *, tls: Union[Tls, bool, None] = None,
                 timeout: float = 30.0, transfer_timeout: float = 600.0, retry_for: float = 10.0,
                 reconnect_for: float = 60.0, insecure_token: bool = False) -> None:
        self._port = BlockingPort(make_options(server, token, tls, insecure_token, timeout, transfer_timeout, retry_for,
                                               reconnect_for))
        self.datasets = Datasets(self._port)
        self.models = Models(self._port)
        self.jobs = Jobs(self._port)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection and every call under way."""
        self._port.close()

    def __repr__(self) -> str:
        return f"<Client of {self._port.options.server}>"

    def upload(self, name: str, train: Source, validation: Optional[Source] = None) -> Dataset:
        """Stores a dataset. Each part is a file (CoNLL columns or JSON lines), an iterable of (words, tags),
        {"tokens", "tags"} or {"text", "entities"}, a pandas DataFrame or a datasets.Dataset.

        InvalidArgument lists wrong lines; the same content under the same name may be uploaded again.
        """
        return run(_registry.upload_dataset(self._port, name, train, validation))

    def train(self, *, dataset: Name, base: Name, model: Name, request_id: Optional[str] = None,
              **options: Unpack[TrainingOptions]) -> Job:
        """Begins to fine-tune `base` on `dataset`; the result will be a new version of `model`.

        Options are those of `TrainingOptions`: epochs=5, learning_rate=2e-5 and so on. A call that is repeated with the
        same request_id returns the same job.
        """
        return Job(self._port, run(_jobs.create_job(self._port, dataset, base, model, request_id, options)))

    def backup(self, file: Union[str, os.PathLike[str]]) -> Backup:
        """Writes all that the server stores into `file`, whole and checked, while the server works. `fintagd --restore`
        makes a data folder of it again. Needs the role admin where the server has roles."""
        return run(_admin.backup(self._port, file))

    @overload
    def tag(  # type: ignore[overload-overlap]  # a str is an iterable too; the first fit counts
        self, text: TextLike, *, model: Name, decoding: _tagging.Decoding = ..., words: bool = ...,
        timeout: Optional[float] = ...) -> TaggedText: ...

    @overload
    def tag(self, text: Iterable[TextLike], *, model: Name, decoding: _tagging.Decoding = ..., words: bool = ...,
            timeout: Optional[float] = ...) -> TaggedTexts: ...

    def tag(self, text: Union[TextLike, Iterable[TextLike]], *, model: Name, decoding: _tagging.Decoding = "argmax",
            words: bool = False, timeout: Optional[float] = None) -> Union[TaggedText, TaggedTexts]:
        """Finds entities in one text (one result) or in many (as many results, in order).

        A text is a str of any length, or `Words` that are split already. decoding="constrained" takes the best legal
        sequence of tags, words=True also gives every word's tag; `timeout` is that of one request.
        """
        question = _tagging.TagQuestion(model, decoding, words, timeout or self._port.options.timeout)
        if isinstance(text, (str, Words)):
            return run(_tagging.tag_one(self._port, question, text))
        return TaggedTexts(run(_tagging.tag_all(self._port, question, text)))

    def tag_stream(self, texts: Iterable[TextLike], *, model: Name, decoding: _tagging.Decoding = "argmax",
                   words: bool = False, timeout: Optional[float] = None) -> Generator[TaggedText, None, None]:
        """As `tag`, for an iterable of any length in constant memory: it is read a few requests ahead."""
        question = _tagging.TagQuestion(model, decoding, words, timeout or self._port.options.timeout)
        return iterate(_tagging.tag_many(self._port, question, texts))


class Datasets:
    """`Client.datasets`"""

    def __init__(self, port: BlockingPort) -> None:
        self._port = port

    def get(self, name: Name) -> Dataset:
        return run(_registry.get_dataset(self._port, name))

    def list(self, limit: Optional[int] = None) -> List[Dataset]:
        """The newest first."""
        return run(_registry.list_datasets(self._port, limit))

    def delete(self, name: Name) -> None:
        """FailedPrecondition while an unfinished job needs it."""
        run(_registry.delete_dataset(self._port, name))


class Models:
    """`Client.models`"""

    def __init__(self, port: BlockingPort) -> None:
        self._port = port

    def import_(self, name: str, folder: Union[str, os.PathLike[str]], *,
                request_id: Optional[str] = None) -> ModelVersion:
        """Stores a Hugging Face checkpoint folder as a new version of a model."""
        return run(_registry.import_model(self._port, name, folder, request_id))

    def export(self, name: Name, folder: Union[str, os.PathLike[str]]) -> Path:
        """Writes a version (the newest, if none is named) into a new or empty folder: all, checked, or nothing."""
        return run(_registry.export_model(self._port, name, folder))

    def get(self, name: Name) -> Model:
        return run(_registry.get_model(self._port, name))

    def list(self, limit: Optional[int] = None) -> List[Model]:
        """The newest first."""
        return run(_registry.list_models(self._port, limit))

    def delete(self, name: Name) -> None:
        """A model with all its versions, or one version. FailedPrecondition while an unfinished job needs it."""
        run(_registry.delete_model(self._port, name))


class Jobs:
    """`Client.jobs`"""

    def __init__(self, port: BlockingPort) -> None:
        self._port = port

    def get(self, name: Name) -> Job:
        return Job(self._port, run(_jobs.get_job(self._port, name)))

    def list(self, limit: Optional[int] = None) -> List[Job]:
        """The newest first; without their epochs' scores by label."""
        return [Job(self._port, job) for job in run(_jobs.list_jobs(self._port, limit))]

    def delete(self, name: Name) -> None:
        """Of a finished job; its model stays."""
        run(_jobs.delete_job(self._port, name))


class Job(JobView):
    """A fine-tuning job, as it was last heard of: `watch`, `wait`, `cancel` and `refresh` bring news."""

    def __init__(self, port: BlockingPort, message: JobMessage) -> None:
        super().__init__(message)
        self._port = port

    def refresh(self) -> Job:
        self._take(run(_jobs.get_job(self._port, self)))
        return self

    def events(self, after: int = 0) -> Generator[Event, None, None]:
        """Everything that happened behind event `after`, and what will, to the job's end. A lost connection is made
        again, without a gap. Leaving the loop, or interrupting it, leaves the job running."""
        for event in iterate(_jobs.watch_job(self._port, self, after)):
            self._hear(event)
            yield event

    def watch(self, progress: Optional[bool] = None) -> Generator[Epoch, None, None]:
        """Each epoch when it is finished, those before the call too, with a progress bar in a terminal or notebook.

        JobFailed, JobCancelled at the end of a job that ended so.
        """
        with TrainingBar(self.model, progress) as bar:
            for event in self.events():
                bar.hear(event)
                if isinstance(event.what, Epoch):
                    bar.hide()
                    yield event.what
        self._end()

    def wait(self, progress: Optional[bool] = None) -> Job:
        """Watches to the end; JobFailed, JobCancelled as `watch`."""
        for _ in self.watch(progress):
            pass
        return self

    def cancel(self) -> Job:
        """Ends the job; what its last epoch wrote is kept. FailedPrecondition if it is done already."""
        self._take(run(_jobs.cancel_job(self._port, self)))
        return self

    def delete(self) -> None:
        run(_jobs.delete_job(self._port, self))
