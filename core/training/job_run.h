// A training job in its folder: reads job.json, appends to events.log, writes checkpoint/. What `fintag-train --job`
// does, apart from signals and exit.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/ranks/rank_place.h"
#include "core/training/job_spec.h"
#include "core/training/trainer.h"

namespace fintag {

// Held on FOLDER/trainer.lock while a trainer works there; the kernel lets go when the process ends, however it ends.
class JobFolderLock {
 public:
  // FAILED_PRECONDITION where another process holds it.
  static absl::StatusOr<std::unique_ptr<JobFolderLock>> Acquire(const std::filesystem::path& folder);
  ~JobFolderLock();
  JobFolderLock(const JobFolderLock&) = delete;
  JobFolderLock& operator=(const JobFolderLock&) = delete;

 private:
  explicit JobFolderLock(int descriptor) : descriptor_(descriptor) {}
  const int descriptor_;
};

// Checks the corpora of `spec` (paths already absolute) and hashes them and the base's weights. INVALID_ARGUMENT has
// every error of both corpora.
absl::StatusOr<TrainingInput> ReadTrainingInput(const JobSpec& spec, const std::filesystem::path& checkpoint);

// Reads the input of `spec` and trains, as one of the ranks where `place` is one of several. Cancelled also where
// `stop` came before the ranks had met. Errors are those of RankGroup::Connect, ReadTrainingInput and Train.
absl::StatusOr<TrainingResult> ReadAndTrain(const JobSpec& spec, const std::filesystem::path& checkpoint,
                                            const std::filesystem::path& state, TrainingObserver& observer,
                                            const std::atomic<bool>& stop, const RankPlace& place);

// Runs the job. Its end, good or bad, is the last event that this appends; the status is that of a failure (which is
// in the log already, unless the log itself is what failed). Events: TrainingStart, TrainingProgress now and then
// (ProgressInterval) and at the end of each epoch, EpochResult, then TrainingFinished or TrainingFailed. Where an
// earlier trainer left its state, the job goes on from there; epochs that are in the log already are not told again.
// Of several ranks 0 alone writes; the others only read job.json and what it names.
absl::Status RunJob(const std::filesystem::path& folder, std::atomic<bool>& stop, const RankPlace& place = {});

}  // namespace fintag
