#include "core/training/job_run.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/text/corpus_file.h"
#include "core/training/event_log.h"
#include "core/training/file_io.h"
#include "core/training/sha256.h"

namespace fintag {
namespace {

constexpr int64_t kMaxSpecBytes = 1 << 20;
constexpr std::chrono::milliseconds kProgressInterval(500);

// Writes what happens into the job's log. A log that cannot be written stops the run.
class LoggingObserver : public TrainingObserver {
 public:
  LoggingObserver(EventLogWriter& log, std::atomic<bool>& stop) : log_(log), stop_(stop) {}

  void OnStart(const TrainingStart& start) override { Append(start); }
  void OnStep(const TrainingProgress& progress) override {
    const auto now = std::chrono::steady_clock::now();
    if (progress.step > 1 && now - latest_ < kProgressInterval && progress.epoch_fraction < 1) return;
    latest_ = now;
    Append(progress);
  }
  void OnEpoch(const EpochResult& result) override { Append(result); }

  const absl::Status& status() const { return status_; }

 private:
  template <typename What>
  void Append(const What& what) {
    if (!status_.ok()) return;
    status_ = log_.Append({.what = what});
    if (!status_.ok()) stop_ = true;
  }

  EventLogWriter& log_;
  std::atomic<bool>& stop_;
  absl::Status status_;
  std::chrono::steady_clock::time_point latest_;
};

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

absl::StatusOr<TrainingFinished> TrainJob(const std::filesystem::path& folder, LoggingObserver& observer,
                                          const std::atomic<bool>& stop) {
  const absl::StatusOr<JobSpec> spec = ReadJobSpec(folder);
  if (!spec.ok()) return spec.status();
  const absl::StatusOr<TrainingInput> input = ReadTrainingInput(*spec, folder / "checkpoint");
  if (!input.ok()) return input.status();
  const absl::StatusOr<TrainingResult> result = Train(*input, spec->options, observer, stop);
  if (!observer.status().ok()) return observer.status();
  if (!result.ok()) return result.status();
  return TrainingFinished{result->best_epoch, result->kept_epoch, result->cancelled};
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

absl::Status RunJob(const std::filesystem::path& folder, std::atomic<bool>& stop) {
  const absl::StatusOr<std::unique_ptr<JobFolderLock>> lock = JobFolderLock::Acquire(folder);
  if (!lock.ok()) return lock.status();
  const absl::StatusOr<std::unique_ptr<EventLogWriter>> log = EventLogWriter::Open(folder / "events.log");
  if (!log.ok()) return log.status();
  LoggingObserver observer(**log, stop);
  absl::StatusOr<TrainingFinished> finished = absl::UnknownError("did not run");
  try {
    finished = TrainJob(folder, observer, stop);
  } catch (const std::bad_alloc&) {
    finished = absl::ResourceExhaustedError("out of memory");
  }
  if (finished.ok()) return (*log)->Append({.what = *finished});
  const absl::Status logged = (*log)->Append({.what = TrainingFailed{absl::StatusCodeToString(finished.status().code()),
                                                                     std::string(finished.status().message())}});
  return logged.ok() ? finished.status() : logged;
}

}  // namespace fintag
