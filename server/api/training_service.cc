#include "server/api/training_service.h"

#include "core/text/strings.h"
#include "core/training/machine_check.h"
#include "server/api/messages.h"
#include "server/api/resource_name.h"
#include "server/api/status_conversion.h"
#include "server/storage/limit_error.h"

namespace fintag::server {
namespace {

constexpr size_t kLongestRequestId = 128;
constexpr absl::Duration kJobRetry = absl::Minutes(1);  // no job ends sooner for being asked about

std::string Method(const char* name) { return std::string("fintag.v1.TrainingService/") + name; }

// Keeps the message of a check where the field is at fault; what is the server's own trouble is returned.
absl::Status Collect(const absl::Status& status, const char* field, std::vector<FieldError>& errors) {
  const bool of_field =
      absl::IsNotFound(status) || absl::IsInvalidArgument(status) || absl::IsFailedPrecondition(status);
  if (!of_field) return status;
  errors.push_back({field, std::string(status.message())});
  return absl::OkStatus();
}

// The job as the request has it, nothing checked or resolved.
Job AskedJob(const fintag::v1::CreateJobRequest& request) {
  Job job;
  job.options = FromMessage(request.spec().options());
  job.dataset = request.spec().dataset();
  job.base = request.spec().base();
  job.model = request.spec().model();
  job.request_id = request.request_id();
  return job;
}

// A validation part is there, or can be split off.
absl::Status CheckParts(const absl::StatusOr<Dataset>& dataset) {
  if (!dataset.ok() || dataset->validation || dataset->train.sentences >= 2) return dataset.status();
  return absl::InvalidArgumentError("has one sentence and no validation part: it cannot be split");
}

// Also the choices that this server does not know, and what its machine, where the trainer runs, cannot do.
std::vector<FieldError> CheckOptions(const fintag::v1::TrainingOptions& message) {
  const TrainingOptions options = FromMessage(message);
  std::vector<FieldError> errors = CheckTrainingOptions(options);
  for (FieldError& error : CheckMachine(options)) errors.push_back(std::move(error));
  if (!fintag::v1::Schedule_IsValid(message.schedule())) {
    errors.push_back({"schedule", StrCat("is unknown: ", static_cast<int>(message.schedule()))});
  }
  if (!fintag::v1::KeepCheckpoint_IsValid(message.keep())) {
    errors.push_back({"keep", StrCat("is unknown: ", static_cast<int>(message.keep()))});
  }
  return errors;
}

}  // namespace

absl::StatusOr<Job> TrainingService::CheckSpec(const fintag::v1::CreateJobRequest& request) {
  const fintag::v1::JobSpec& spec = request.spec();
  Job job = AskedJob(request);

  std::vector<FieldError> errors;
  absl::StatusOr<std::string> dataset = ParseName(spec.dataset(), "datasets", "dataset");
  if (dataset.ok()) {
    const absl::Status parts = CheckParts(datasets_.Get(*dataset));
    if (absl::Status trouble = Collect(parts, "spec.dataset", errors); !trouble.ok()) return trouble;
  } else {
    errors.push_back({"spec.dataset", "must be \"datasets/{id}\""});
  }
  if (CheckModelName(spec.base(), "base").ok()) {
    absl::StatusOr<ModelVersion> base = models_.Resolve(spec.base(), /*tagger=*/false);
    if (absl::Status trouble = Collect(base.status(), "spec.base", errors); !trouble.ok()) return trouble;
    if (base.ok()) job.base = base->name();
  } else {
    errors.push_back({"spec.base", "must be \"models/{id}\" or \"models/{id}/versions/{n}\""});
  }
  if (!ParseName(spec.model(), "models", "model").ok()) {
    errors.push_back({"spec.model", "must be \"models/{id}\" with an id of 1 to 63 characters of a-z, 0-9 and '-'"});
  }
  for (const FieldError& error : CheckOptions(spec.options())) {
    errors.push_back({"spec.options." + error.field, error.reason});
  }
  if (job.options.processes > max_processes_) {
    errors.push_back(
        {"spec.options.processes",
         StrCat("must be at most ", max_processes_, " on this server (--max-processes), is ", job.options.processes)});
  }
  if (request.request_id().size() > kLongestRequestId) {
    errors.push_back({"request_id", "must be 128 characters at most"});
  }
  if (!errors.empty()) return BadRequest(errors);
  return job;
}

absl::StatusOr<fintag::v1::Job> TrainingService::JobMessage(const Job& job) {
  fintag::v1::Job message = ToMessage(job);
  absl::StatusOr<JobProgress> progress = queue_.Progress(job.id);
  if (absl::IsDataLoss(progress.status())) {
    // The row is the truth; a damaged log hides this job's epochs, not the job, and no other job of a list.
    environment_.logger.Write(Severity::kError, "the job's event log is damaged",
                              {{"job", job.id}, {"trace_id", job.trace_id}});
    return message;
  }
  if (!progress.ok()) return progress.status();
  for (const EpochResult& epoch : progress->epochs) *message.add_epochs() = ToMessage(epoch);
  if (progress->latest.step > 0) *message.mutable_progress() = ToMessage(progress->latest);
  message.set_last_sequence(progress->last_sequence);
  return message;
}

absl::Status TrainingService::Answer(const Job& job, fintag::v1::Job& response) {
  absl::StatusOr<fintag::v1::Job> message = JobMessage(job);
  if (!message.ok()) return message.status();
  response = *std::move(message);
  return absl::OkStatus();
}

absl::Status TrainingService::Create(Call& call, const fintag::v1::CreateJobRequest& request,
                                     fintag::v1::Job& response) {
  absl::StatusOr<std::optional<Job>> before = store_.FindRetried(AskedJob(request));
  if (!before.ok()) return AboutField(before.status(), "request_id");
  if (before->has_value()) {
    call.resource = "jobs/" + (*before)->id;
    return Answer(**before, response);
  }
  absl::StatusOr<Job> job = CheckSpec(request);
  if (!job.ok()) return job.status();
  if (request.validate_only()) {
    call.detail = "validate_only";
    response = ToMessage(*job);
    response.clear_name();
    response.clear_create_time();
    response.set_state(fintag::v1::JOB_STATE_UNSPECIFIED);
    return absl::OkStatus();
  }
  job->owner = call.caller;
  job->trace_id = call.trace_id;
  if (absl::Status room = room_.CheckCaller(call.caller); !room.ok()) return room;
  absl::StatusOr<Job> created = queue_.Create(*job);
  if (!LimitOf(created.status()).empty()) return WithRetry(created.status(), kJobRetry);
  if (!created.ok()) return AboutField(created.status(), "request_id");  // all else is checked
  call.resource = "jobs/" + created->id;
  return Answer(*created, response);
}

grpc::Status TrainingService::CreateJob(grpc::ServerContext* context, const fintag::v1::CreateJobRequest* request,
                                        fintag::v1::Job* response) {
  return RunCall(environment_, *context, {Method("CreateJob"), request->spec().model()},
                 [&](Call& call) { return Create(call, *request, *response); });
}

grpc::Status TrainingService::GetJob(grpc::ServerContext* context, const fintag::v1::GetJobRequest* request,
                                     fintag::v1::Job* response) {
  return RunCall(environment_, *context, Method("GetJob"), [&]() -> absl::Status {
    absl::StatusOr<std::string> id = ParseName(request->name(), "jobs", "name");
    if (!id.ok()) return id.status();
    absl::StatusOr<Job> job = store_.Get(*id);
    if (!job.ok()) return job.status();
    return Answer(*job, *response);
  });
}

grpc::Status TrainingService::ListJobs(grpc::ServerContext* context, const fintag::v1::ListJobsRequest* request,
                                       fintag::v1::ListJobsResponse* response) {
  return RunCall(environment_, *context, Method("ListJobs"), [&]() -> absl::Status {
    absl::StatusOr<int32_t> page_size = CheckPageSize(request->page_size());
    if (!page_size.ok()) return page_size.status();
    absl::StatusOr<std::vector<Job>> jobs =
        store_.List({*page_size, request->page_token()}, *response->mutable_next_page_token());
    if (!jobs.ok()) return AboutField(jobs.status(), "page_token");
    for (const Job& job : *jobs) {
      absl::StatusOr<fintag::v1::Job> message = JobMessage(job);
      if (absl::IsNotFound(message.status())) continue;  // deleted meanwhile
      if (!message.ok()) return message.status();
      for (fintag::v1::EpochFinished& epoch : *message->mutable_epochs()) {
        epoch.mutable_scores()->clear_labels();
        epoch.mutable_scores()->clear_confusion();
      }
      *response->add_jobs() = *std::move(message);
    }
    return absl::OkStatus();
  });
}

grpc::Status TrainingService::CancelJob(grpc::ServerContext* context, const fintag::v1::CancelJobRequest* request,
                                        fintag::v1::Job* response) {
  return RunCall(environment_, *context, {Method("CancelJob"), request->name()}, [&]() -> absl::Status {
    absl::StatusOr<std::string> id = ParseName(request->name(), "jobs", "name");
    if (!id.ok()) return id.status();
    absl::StatusOr<Job> job = queue_.Cancel(*id);
    if (!job.ok()) return job.status();
    return Answer(*job, *response);
  });
}

grpc::Status TrainingService::DeleteJob(grpc::ServerContext* context, const fintag::v1::DeleteJobRequest* request,
                                        fintag::v1::DeleteJobResponse*) {
  return RunCall(environment_, *context, {Method("DeleteJob"), request->name()}, [&]() -> absl::Status {
    absl::StatusOr<std::string> id = ParseName(request->name(), "jobs", "name");
    if (!id.ok()) return id.status();
    if (absl::Status status = queue_.Delete(*id); !status.ok()) return status;
    environment_.metrics.ForgetJob(*id);
    return absl::OkStatus();
  });
}

grpc::ServerWriteReactor<fintag::v1::JobEvent>* TrainingService::WatchJob(grpc::CallbackServerContext* context,
                                                                          const fintag::v1::WatchJobRequest* request) {
  return watches_.Open(*context, *request);
}

grpc::Status TrainingService::ListJobProgress(grpc::ServerContext* context,
                                              const fintag::v1::ListJobProgressRequest* request,
                                              fintag::v1::ListJobProgressResponse* response) {
  return RunCall(environment_, *context, Method("ListJobProgress"), [&]() -> absl::Status {
    absl::StatusOr<std::string> id = ParseName(request->name(), "jobs", "name");
    if (!id.ok()) return id.status();
    if (request->after_sequence() < 0) return BadField("after_sequence", "must be 0 or more");
    absl::StatusOr<std::vector<Event>> events = queue_.Curve(*id, request->after_sequence());
    if (!events.ok()) return events.status();
    for (const Event& event : *events) *response->add_events() = ToMessage(event);
    return absl::OkStatus();
  });
}

}  // namespace fintag::server
