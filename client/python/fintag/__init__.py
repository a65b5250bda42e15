"""Client of Fintag: fine-tune BERT encoders for entity tagging, watch them train, tag text.

    client = fintag.Client()
    client.upload("filings", train="train.conll", validation="validation.conll")
    for epoch in client.train(dataset="filings", base="base", model="tagger", epochs=5).watch():
        print(epoch)
    client.tag("Acme Corp. borrowed from Silicon Valley Bank.", model="tagger")

`fintag.v1` holds the messages and stubs of the contract, for what this package does not wrap.
"""
from importlib.metadata import version as _version

from ._options import Tls
from ._resources import Architecture, Backup, Dataset, DatasetPart, Model, ModelVersion
from ._scores import EntityScores, Scores
from ._tagged import Entity, TaggedText, TaggedTexts, TaggedWord, Words
from ._training import (
    Epoch, Event, JobState, Progress, StateChanged, TrainingFailed, TrainingFinished, TrainingOptions,
    TrainingStarted)
from .aio import AsyncClient, AsyncJob
from .client import Client, Job
from .errors import (
    AlreadyExists, Cancelled, ConnectionFailed, DataLoss, DeadlineExceeded, FailedPrecondition, FieldViolation,
    FintagError, Internal, InvalidArgument, JobCancelled, JobFailed, NotFound, OutOfRange, PermissionDenied,
    ResourceExhausted, Unauthenticated, Unavailable, Unimplemented)

__version__ = _version("fintag")
__all__ = [
    "AlreadyExists", "Architecture", "AsyncClient", "AsyncJob", "Backup", "Cancelled", "Client", "ConnectionFailed",
    "DataLoss", "Dataset", "DatasetPart", "DeadlineExceeded", "Entity", "EntityScores", "Epoch", "Event",
    "FailedPrecondition", "FieldViolation", "FintagError", "Internal", "InvalidArgument", "Job", "JobCancelled",
    "JobFailed", "JobState", "Model", "ModelVersion", "NotFound", "OutOfRange", "PermissionDenied", "Progress",
    "ResourceExhausted", "Scores", "StateChanged", "TaggedText", "TaggedTexts", "TaggedWord", "Tls", "TrainingFailed",
    "TrainingFinished", "TrainingOptions", "TrainingStarted", "Unauthenticated", "Unavailable", "Unimplemented",
    "Words"]
