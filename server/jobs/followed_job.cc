#include "server/jobs/followed_job.h"

#include <algorithm>
#include <chrono>
#include <new>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "core/text/strings.h"
#include "server/storage/resource_name.h"

namespace fintag::server {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

// A log that cannot be read for so long after its trainer's end, with descriptors and memory to read it, counts as
// lost.
constexpr std::chrono::seconds kUnreadable(10);
// A registration reads all weights: not again at each look.
constexpr std::chrono::seconds kRegisterAgain(5);

// What is in the checkpoint of `folder` becomes a version of `model`.
absl::StatusOr<ModelVersion> Register(ModelRegistry& models, const JobFolder& folder, const std::string& model,
                                      const ModelOrigin& origin) {
  absl::StatusOr<ModelName> name = ParseModelName(model);
  if (!name.ok()) return name.status();
  absl::StatusOr<fs::path> incoming = models.MakeIncomingFolder();
  if (!incoming.ok()) return incoming.status();
  if (absl::Status linked = folder.LinkCheckpoint(*incoming); !linked.ok()) {
    std::error_code error;
    fs::remove_all(*incoming, error);
    return linked;
  }
  return models.Add(name->id, *incoming, origin, "");
}

// What another moment may bring: descriptors, memory, room on the disk. The job's next step is tried again until then.
bool IsPassing(const absl::Status& status) { return absl::IsResourceExhausted(status) || absl::IsUnavailable(status); }

}  // namespace

FollowedJob::FollowedJob(Job job, JobSurroundings& surroundings)
    : surroundings_(surroundings), job_(std::move(job)), folder_(surroundings.options.folder / job_.id) {}

void FollowedJob::TakeUp() {
  if (!runs()) return;
  process_ = surroundings_.launcher.Find(folder_.path());
  if (process_ != nullptr) return;
  // It runs no more, so what the log says now is all that it will say.
  ReadEvents().IgnoreError();
  const bool was_started = folder_.TrainerWasStarted() || history_.started || history_.failed || history_.finished;
  launch_ = !was_started && job_.state == JobState::kValidating;
  end_.restored = folder_.WasRestored();
}

absl::Status FollowedJob::StartTrainer() {
  if (waits()) {
    absl::StatusOr<Job> moved = surroundings_.store.Move(job_.id, JobState::kValidating);
    // Cancelled, or deleted since as well: the next look sees it.
    if (absl::IsFailedPrecondition(moved.status()) || absl::IsNotFound(moved.status())) return absl::OkStatus();
    if (!moved.ok()) return moved.status();
    job_ = *std::move(moved);
  }
  launch_ = true;
  const absl::Status launched = Launch();
  if (IsPassing(launched)) return launched;
  launch_ = false;
  if (launched.ok()) {
    lost_for_.clear();
  } else if (lost_for_.empty()) {
    end_.launch_error = StrCat("the trainer could not be started: ", launched.message());
  } else {
    end_.launch_error = StrCat("the trainer could not be started again: ", launched.message(), "; before, ", lost_for_);
  }
  return absl::OkStatus();
}

absl::Status FollowedJob::Restart(const std::string& reason) {
  process_.reset();
  end_ = {};
  lost_for_ = reason;
  starts_before_ = history_.starts;
  return StartTrainer();
}

absl::Status FollowedJob::Launch() {
  absl::StatusOr<std::string> dataset_id = ParseDatasetName(job_.dataset);
  if (!dataset_id.ok()) return dataset_id.status();
  absl::StatusOr<Dataset> dataset = surroundings_.datasets.Get(*dataset_id);
  if (!dataset.ok()) return dataset.status();
  absl::StatusOr<ModelVersion> base = surroundings_.models.Resolve(job_.base, /*tagger=*/false);
  if (!base.ok()) return base.status();
  const fs::path corpus = fs::absolute(surroundings_.datasets.Folder(*dataset_id));
  JobSpec spec;
  spec.job = "jobs/" + job_.id;
  spec.base = fs::absolute(surroundings_.models.Folder(*base));
  spec.base_sha256 = base->weights_sha256;
  spec.train = corpus / "train.jsonl";
  spec.train_name = dataset->train.file_name;
  spec.train_sha256 = dataset->train.sha256;
  if (dataset->validation) {
    spec.validation = corpus / "validation.jsonl";
    spec.validation_name = dataset->validation->file_name;
    spec.validation_sha256 = dataset->validation->sha256;
  }
  spec.trace_id = job_.trace_id;
  spec.options = job_.options;
  spec.keep_state = surroundings_.options.max_restarts > 0;
  if (absl::Status written = folder_.WriteSpec(spec); !written.ok()) return written;
  if (absl::Status read = ReadEvents(); !read.ok()) return read;
  if (history_.starts == starts_before_) {
    absl::Status logged = folder_.AppendState({"VALIDATING", lost_for_, ""}, job_.trace_id);
    if (!logged.ok()) return logged;
  }
  absl::StatusOr<std::unique_ptr<TrainerRun>> process = surroundings_.launcher.Start(folder_.path());
  if (!process.ok()) return process.status();
  process_ = *std::move(process);
  folder_.ForgetRestore();
  end_.restored = false;
  return absl::OkStatus();
}

absl::Status FollowedJob::Advance(Clock::time_point now) {
  if (launch_ && runs() && job_.state != JobState::kCancelling) {
    if (absl::Status started = StartTrainer(); !started.ok()) return started;
  }
  // The process before the log: what it wrote before it ended is then in what is read.
  absl::Status looked;
  if (process_ != nullptr && !end_.exit) {
    const absl::StatusOr<std::optional<WorkerExit>> exit = process_->Poll();
    looked = exit.status();
    end_.exit = exit.value_or(std::nullopt);
    // On a shared file system what another machine wrote is seen for certain by who opens the file after it.
    if (end_.exit) reader_.reset();
  }
  if (waits() && history_.progress.last_sequence > 0) return absl::OkStatus();
  if (absl::Status read = ReadEvents(); !read.ok()) {
    if (job_.state == JobState::kCancelling && process_ != nullptr && !end_.exit) Stop(now);
    return read;
  }
  if (waits()) {
    reader_.reset();  // a long queue keeps no files open
    return absl::OkStatus();
  }
  if (IsFinal(job_.state)) return Close();
  EnterRunning();
  if (process_ == nullptr || end_.exit) return Finish();
  if (!log_status_.ok()) process_->Kill();  // nobody could learn what becomes of it
  if (job_.state == JobState::kCancelling) Stop(now);
  return looked;
}

absl::Status FollowedJob::ReadEvents() {
  if (!log_status_.ok()) return absl::OkStatus();
  if (reader_ == nullptr) reader_ = EventLogReader::Open(folder_.events());
  std::vector<Event> events;
  do {
    events.clear();
    const absl::Status read = reader_->ReadNew(events);
    for (const Event& event : events) {
      if (event.sequence <= history_.progress.last_sequence) continue;  // of a reader before this one
      history_.Add(event);
      EnterRunning();
      surroundings_.on_event(job_, event);
    }
    if (absl::IsDataLoss(read) || absl::IsNotFound(read)) {
      log_status_ = read;
      return absl::OkStatus();
    }
    if (read.ok()) continue;
    // No descriptor, a disk that did not answer: read at the next look, by a reader that opens the file anew.
    reader_.reset();
    // A trainer that works is left to it.
    if (IsPassing(read) || (process_ != nullptr && !end_.exit)) {
      unreadable_since_.reset();
    } else if (!unreadable_since_) {
      unreadable_since_ = Clock::now();
    } else if (Clock::now() - *unreadable_since_ >= kUnreadable) {
      log_status_ = read;
      return absl::OkStatus();
    }
    return read;
  } while (!events.empty());
  unreadable_since_.reset();
  return absl::OkStatus();
}

void FollowedJob::EnterRunning() {
  if (job_.state != JobState::kValidating || !history_.started) return;
  // An error is met again at the next look; a job being cancelled stays so.
  if (absl::StatusOr<Job> moved = surroundings_.store.Move(job_.id, JobState::kRunning); moved.ok()) job_ = *moved;
}

void FollowedJob::Stop(Clock::time_point now) {
  if (!told_to_stop_) {
    process_->Terminate();
    told_to_stop_ = now;
  } else if (!killed_ && now - *told_to_stop_ >= std::chrono::duration<double>(surroundings_.options.cancel_seconds)) {
    process_->Kill();
    killed_ = true;
  }
}

absl::Status FollowedJob::Finish() {
  if (!registration_.valid()) folder_.RemoveHalfWritten();
  if (!log_status_.ok()) {
    return Move(JobState::kFailed, StrCat("the event log cannot be read: ", log_status_.message()), "");
  }
  end_.output = folder_.OutputTail();
  const absl::StatusOr<std::optional<EpochResult>> recorded = folder_.RecordedEpoch();
  if (IsPassing(recorded.status())) return recorded.status();
  end_.recorded = recorded.value_or(std::nullopt);
  JobOutcome outcome = JudgeOutcome(job_, history_, end_);
  if (outcome.lost && std::max(1, history_.starts) <= surroundings_.options.max_restarts) {
    return Restart(outcome.reason);
  }
  folder_.RemoveState();  // nobody goes on from it, and its room may be what the rest lacks
  std::string model_version;
  if (outcome.kept != nullptr) {
    if (!registration_.valid()) {
      if (Clock::now() < register_after_) return register_error_;
      if (absl::Status begun = BeginRegistration(*outcome.kept); !begun.ok()) return begun;
    }
    if (registration_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) return absl::OkStatus();
    const absl::StatusOr<ModelVersion> version = registration_.get();
    // Who cancels a job waits for a second try, not for room: the checkpoint stays with the job.
    if (IsPassing(version.status()) && (job_.state != JobState::kCancelling || register_error_.ok())) {
      registration_ = {};
      register_after_ = Clock::now() + kRegisterAgain;
      return register_error_ = version.status();
    }
    if (version.ok()) {
      model_version = version->name();
    } else {
      outcome.state = JobState::kFailed;
      outcome.reason = StrCat("the model could not be stored: ", version.status().message());
    }
  }
  if (outcome.state == JobState::kCancelled && job_.state != JobState::kCancelling) {
    absl::StatusOr<Job> moved = surroundings_.store.Move(job_.id, JobState::kCancelling);
    if (!moved.ok()) return moved.status();
    job_ = *std::move(moved);
  }
  return Move(outcome.state, outcome.reason, model_version);
}

absl::Status FollowedJob::BeginRegistration(const EpochResult& kept) {
  // A trainer that was killed between checkpoint and event has written more than its log tells.
  const EpochResult& epoch = end_.recorded ? *end_.recorded : kept;
  ModelOrigin origin;
  origin.job = "jobs/" + job_.id;
  origin.owner = job_.owner;
  origin.base = job_.base;
  origin.dataset = job_.dataset;
  origin.scores = epoch.scores;
  origin.unseen = epoch.unseen;
  origin.word_lookup = history_.progress.word_lookup;
  try {
    registration_ = std::async(std::launch::async,
                               [&models = surroundings_.models, folder = folder_, model = job_.model,
                                origin]() -> absl::StatusOr<ModelVersion> {
                                 try {
                                   return Register(models, folder, model, origin);
                                 } catch (const std::bad_alloc&) {
                                   return absl::ResourceExhaustedError("not enough memory to register a model");
                                 }
                               });
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(StrCat("no thread to register a model: ", error.what()));
  }
  return absl::OkStatus();
}

absl::Status FollowedJob::Move(JobState to, const std::string& reason, const std::string& model_version) {
  absl::StatusOr<Job> moved = surroundings_.store.Move(job_.id, to, reason, model_version);
  if (absl::IsFailedPrecondition(moved.status())) {
    // It was cancelled just now: judged anew at the next look.
    if (absl::StatusOr<Job> row = surroundings_.store.Get(job_.id); row.ok()) job_ = *std::move(row);
    return absl::OkStatus();
  }
  if (!moved.ok()) return moved.status();
  job_ = *std::move(moved);
  return Close();
}

// The row is final; the log is to say so too.
absl::Status FollowedJob::Close() {
  folder_.RemoveState();
  if (!history_.final_state && log_status_.ok()) {
    absl::Status appended = folder_.AppendState(
        {std::string(JobStateName(job_.state)), job_.failure_reason, job_.model_version}, job_.trace_id);
    // A damaged log is not written to: its readers are told of the damage. One that was taken away has none.
    if (!appended.ok() && !absl::IsDataLoss(appended) && !absl::IsNotFound(appended)) return appended;
    if (absl::Status read = ReadEvents(); !read.ok()) return read;
  }
  // Registered, or nothing worth keeping. Of a failed job it may be all there is. Before the log counts as closed:
  // after that nobody looks here again.
  if (job_.state != JobState::kFailed) folder_.RemoveCheckpoint();
  // A job that ended is asked for far more often than its log is watched. Without it the log is read.
  if (log_status_.ok()) folder_.WriteProgress(history_.progress).IgnoreError();
  absl::Status closed = surroundings_.store.CloseLog(job_.id);
  if (!closed.ok() && !absl::IsNotFound(closed)) return closed;  // NOT_FOUND: it was deleted just now
  done_ = true;
  return absl::OkStatus();
}

}  // namespace fintag::server
