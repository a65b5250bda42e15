"""The calls of the contract: path, message types, and whether a call may be repeated (server/api/API.md)."""
from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Generic, Type, TypeVar

from google.protobuf.message import Message

from .v1 import admin_pb2 as admin
from .v1 import dataset_pb2 as dataset
from .v1 import model_pb2 as model
from .v1 import tagging_pb2 as tagging
from .v1 import training_pb2 as training

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)


class Repeat(enum.Enum):
    """Whether doing it twice is the same as doing it once."""

    NEVER = enum.auto()
    UNAVAILABLE = enum.auto()
    # Also while the server is full and says when to try again.
    FULL = enum.auto()


@dataclass(frozen=True)
class Method(Generic[Request, Response]):
    path: str
    request: Type[Request]
    response: Type[Response]
    repeat: Repeat = Repeat.UNAVAILABLE


_DATASETS, _MODELS = "/fintag.v1.DatasetService", "/fintag.v1.ModelService"
_TRAINING, _TAGGING = "/fintag.v1.TrainingService", "/fintag.v1.TaggingService"
_ADMIN = "/fintag.v1.AdminService"

# The same content under the same name answers with the dataset that is there.
UPLOAD_DATASET = Method(f"{_DATASETS}/UploadDataset", dataset.UploadDatasetRequest, dataset.Dataset)
GET_DATASET = Method(f"{_DATASETS}/GetDataset", dataset.GetDatasetRequest, dataset.Dataset)
LIST_DATASETS = Method(f"{_DATASETS}/ListDatasets", dataset.ListDatasetsRequest, dataset.ListDatasetsResponse)
DELETE_DATASET = Method(f"{_DATASETS}/DeleteDataset", dataset.DeleteDatasetRequest, dataset.DeleteDatasetResponse,
                        Repeat.NEVER)

# Safe by its request_id.
IMPORT_MODEL = Method(f"{_MODELS}/ImportModel", model.ImportModelRequest, model.ModelVersion)
EXPORT_MODEL = Method(f"{_MODELS}/ExportModel", model.ExportModelRequest, model.ExportModelResponse)
GET_MODEL = Method(f"{_MODELS}/GetModel", model.GetModelRequest, model.Model)
LIST_MODELS = Method(f"{_MODELS}/ListModels", model.ListModelsRequest, model.ListModelsResponse)
DELETE_MODEL = Method(f"{_MODELS}/DeleteModel", model.DeleteModelRequest, model.DeleteModelResponse, Repeat.NEVER)

# Safe by its request_id.
CREATE_JOB = Method(f"{_TRAINING}/CreateJob", training.CreateJobRequest, training.Job)
GET_JOB = Method(f"{_TRAINING}/GetJob", training.GetJobRequest, training.Job)
LIST_JOBS = Method(f"{_TRAINING}/ListJobs", training.ListJobsRequest, training.ListJobsResponse)
CANCEL_JOB = Method(f"{_TRAINING}/CancelJob", training.CancelJobRequest, training.Job, Repeat.NEVER)
DELETE_JOB = Method(f"{_TRAINING}/DeleteJob", training.DeleteJobRequest, training.DeleteJobResponse, Repeat.NEVER)
WATCH_JOB = Method(f"{_TRAINING}/WatchJob", training.WatchJobRequest, training.JobEvent)

TAG = Method(f"{_TAGGING}/Tag", tagging.TagRequest, tagging.TagResponse, Repeat.FULL)

BACKUP = Method(f"{_ADMIN}/Backup", admin.BackupRequest, admin.BackupResponse)
