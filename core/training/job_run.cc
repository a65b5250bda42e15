#include "core/training/job_run.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/ranks/rank_group.h"
#include "core/text/corpus_file.h"
#include "core/training/event_log.h"
#include "core/training/file_io.h"
#include "core/training/progress_meter.h"
#include "core/training/sha256.h"

namespace fintag {
namespace {

constexpr int64_t kMaxSpecBytes = 1 << 20;

// Writes what happens into the job's log. A log that cannot be written stops the run.
class LoggingObserver : public TrainingObserver {
 public:
  // Epochs up to `logged_epoch` are in the log.
  LoggingObserver(EventLogWriter& log, std::string trace_id, int32_t logged_epoch, std::atomic<bool>& stop)
      : log_(log), trace_id_(std::move(trace_id)), logged_epoch_(logged_epoch), stop_(stop) {}

  void OnStart(const TrainingStart& start) override { Append(start); }
  void OnStep(const TrainingProgress& progress) override {
    const auto now = ProgressMeter::Clock::now();
    const bool due = now - latest_ >= ProgressInterval(now - start_);
    if (progress.step > 1 && !due && progress.epoch_fraction < 1) return;
    latest_ = now;
    Append(progress);
  }
  void OnEpoch(const EpochResult& result) override {
    if (result.epoch > logged_epoch_) Append(result);
  }

  const absl::Status& status() const { return status_; }

 private:
  template <typename What>
  void Append(const What& what) {
    if (!status_.ok()) return;
    status_ = log_.Append({.what = what, .trace_id = trace_id_});
    if (!status_.ok()) stop_ = true;
  }

  EventLogWriter& log_;
  const std::string trace_id_;
  const int32_t logged_epoch_;
  std::atomic<bool>& stop_;
  absl::Status status_;
  const ProgressMeter::Clock::time_point start_ = ProgressMeter::Clock::now();
  ProgressMeter::Clock::time_point latest_;
};

// Of a rank other than 0.
class SilentObserver : public TrainingObserver {
  void OnStart(const TrainingStart&) override {}
  void OnStep(const TrainingProgress&) override {}
  void OnEpoch(const EpochResult&) override {}
};

// The last epoch that a log tells of; 0 for none.
absl::StatusOr<int32_t> LoggedEpoch(const std::filesystem::path& file) {
  const std::unique_ptr<EventLogReader> reader = EventLogReader::Open(file);
  int32_t last = 0;
  std::vector<Event> events;
  do {
    events.clear();
    if (absl::Status read = reader->ReadNew(events); !read.ok()) return read;
    for (const Event& event : events) {
      if (const auto* epoch = std::get_if<EpochResult>(&event.what)) last = std::max(last, epoch->epoch);
    }
  } while (!events.empty());
  return last;
}

absl::StatusOr<JobSpec> ReadJobSpec(const std::filesystem::path& folder) {
  const absl::StatusOr<std::string> json = ReadFile(folder / "job.json", kMaxSpecBytes);
  if (!json.ok()) return json.status();
  absl::StatusOr<JobSpec> spec = ParseJobSpec(*json);
  if (!spec.ok()) return spec.status();
  spec->base = folder / spec->base;  // leaves an absolute path as it is
  spec->train = folder / spec->train;
  if (!spec->validation.empty()) spec->validation = folder / spec->validation;
  return spec;
}

absl::StatusOr<TrainingResult> TrainJob(const std::filesystem::path& folder, const JobSpec& spec,
                                        TrainingObserver& observer, const std::atomic<bool>& stop,
                                        const RankPlace& place) {
  const std::filesystem::path state = spec.keep_state ? folder / "state" : std::filesystem::path();
  return ReadAndTrain(spec, folder / "checkpoint", state, observer, stop, place);
}

// Checks one corpus, and hashes it where no hash is known; errors are gathered, so that a user sees those of both files
// at once.
void CheckPart(const std::filesystem::path& path, const std::string& name, CorpusFile& corpus, std::string& sha256,
               absl::Status& errors) {
  absl::Status error;
  if (absl::StatusOr<CorpusFile> checked = CheckCorpusFile(path, name); !checked.ok()) {
    error = checked.status();
  } else {
    corpus = *std::move(checked);
  }
  if (error.ok() && sha256.empty()) {
    absl::StatusOr<std::string> hash = Sha256HexOfFile(path);
    if (hash.ok()) {
      sha256 = *std::move(hash);
    } else {
      error = hash.status();
    }
  }
  if (error.ok()) return;
  errors = errors.ok() ? error : absl::Status(errors.code(), absl::StrCat(errors.message(), "\n", error.message()));
}

}  // namespace

absl::StatusOr<std::unique_ptr<JobFolderLock>> JobFolderLock::Acquire(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / "trainer.lock";
  const int descriptor = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", file.string()));
  if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    close(descriptor);
    if (error == EWOULDBLOCK) {
      return absl::FailedPreconditionError(absl::StrCat("another trainer works in ", folder.string()));
    }
    return absl::ErrnoToStatus(error, absl::StrCat("cannot lock ", file.string()));
  }
  return std::unique_ptr<JobFolderLock>(new JobFolderLock(descriptor));
}

JobFolderLock::~JobFolderLock() { close(descriptor_); }

absl::StatusOr<TrainingInput> ReadTrainingInput(const JobSpec& spec, const std::filesystem::path& checkpoint) {
  TrainingInput input;
  input.base = spec.base;
  input.checkpoint = checkpoint;
  input.train_sha256 = spec.train_sha256;
  input.validation_sha256 = spec.validation_sha256;
  absl::Status errors;
  CheckPart(spec.train, spec.train_name, input.train, input.train_sha256, errors);
  if (!spec.validation.empty()) {
    CheckPart(spec.validation, spec.validation_name, input.validation, input.validation_sha256, errors);
  }
  if (!errors.ok()) return errors;
  absl::StatusOr<std::string> base_sha256 = Sha256HexOfWeights(spec.base);
  if (!base_sha256.ok()) return base_sha256.status();
  if (!spec.base_sha256.empty() && *base_sha256 != spec.base_sha256) {
    return absl::DataLossError(
        "the weights of the base are damaged (another SHA-256 than when they were stored): import it again as a new "
        "version, and train from that");
  }
  input.base_sha256 = *std::move(base_sha256);
  return input;
}

absl::StatusOr<TrainingResult> ReadAndTrain(const JobSpec& spec, const std::filesystem::path& checkpoint,
                                            const std::filesystem::path& state, TrainingObserver& observer,
                                            const std::atomic<bool>& stop, const RankPlace& place) {
  // Before all that can fail, so that the others hear of it.
  std::unique_ptr<RankGroup> ranks;
  if (place.distributed()) {
    absl::StatusOr<std::unique_ptr<RankGroup>> connected = RankGroup::Connect(place, stop);
    if (absl::IsCancelled(connected.status())) {
      TrainingResult stopped;
      stopped.cancelled = true;
      return stopped;
    }
    if (!connected.ok()) return connected.status();
    ranks = *std::move(connected);
  }
  absl::StatusOr<TrainingInput> input = ReadTrainingInput(spec, checkpoint);
  if (input.ok()) input->state = state;
  absl::StatusOr<TrainingResult> result =
      input.ok() ? Train(*input, spec.options, observer, stop, ranks.get()) : input.status();
  if (!result.ok() && ranks != nullptr) ranks->Fail(result.status());
  return result;
}

absl::Status RunJob(const std::filesystem::path& folder, std::atomic<bool>& stop, const RankPlace& place) {
  if (place.rank > 0) {
    const absl::StatusOr<JobSpec> spec = ReadJobSpec(folder);
    if (!spec.ok()) return spec.status();
    SilentObserver silent;
    return TrainJob(folder, *spec, silent, stop, place).status();
  }
  const absl::StatusOr<std::unique_ptr<JobFolderLock>> lock = JobFolderLock::Acquire(folder);
  if (!lock.ok()) return lock.status();
  const absl::StatusOr<std::unique_ptr<EventLogWriter>> log = EventLogWriter::Open(folder / "events.log");
  if (!log.ok()) return log.status();
  const absl::StatusOr<int32_t> logged_epoch = LoggedEpoch(folder / "events.log");
  if (!logged_epoch.ok()) return logged_epoch.status();
  absl::StatusOr<TrainingResult> result = absl::UnknownError("did not run");
  std::string trace_id;
  try {
    const absl::StatusOr<JobSpec> spec = ReadJobSpec(folder);
    if (spec.ok()) {
      trace_id = spec->trace_id;
      LoggingObserver observer(**log, trace_id, *logged_epoch, stop);
      result = TrainJob(folder, *spec, observer, stop, place);
      if (!observer.status().ok()) result = observer.status();
    } else {
      result = spec.status();
    }
  } catch (const std::bad_alloc&) {
    result = absl::ResourceExhaustedError("out of memory");
  }
  if (result.ok()) {
    return (*log)->Append(
        {.what = TrainingFinished{result->best_epoch, result->kept_epoch, result->cancelled}, .trace_id = trace_id});
  }
  const absl::Status logged = (*log)->Append(
      {.what = TrainingFailed{absl::StatusCodeToString(result.status().code()), std::string(result.status().message())},
       .trace_id = trace_id});
  return logged.ok() ? result.status() : logged;
}

}  // namespace fintag
