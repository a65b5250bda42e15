// The files of one job (JOB_FOLDER.md).
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/training/event_log.h"
#include "core/training/job_spec.h"
#include "server/jobs/job_history.h"

namespace fintag::server {

class JobFolder {
 public:
  explicit JobFolder(std::filesystem::path path) : path_(std::move(path)) {}

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path events() const { return path_ / "events.log"; }
  std::filesystem::path checkpoint() const { return path_ / "checkpoint"; }

  // job.json, replaced at once.
  absl::Status WriteSpec(const JobSpec& spec) const;
  absl::StatusOr<JobSpec> ReadSpec() const;  // as ParseJobSpec
  // Only while no trainer writes. `trace_id` is the job's.
  absl::Status AppendState(StateChanged state, const std::string& trace_id) const;
  // progress.json, replaced at once: what a complete log comes to. DATA_LOSS where it is not what was written.
  absl::Status WriteProgress(const JobProgress& progress) const;
  absl::StatusOr<JobProgress> ReadProgress() const;
  // Whether a trainer was ever started here.
  bool TrainerWasStarted() const;
  // Whether the job was under way in the backup that the data folder was restored from.
  bool WasRestored() const;
  // It has a trainer again.
  void ForgetRestore() const;
  // The last lines of trainer.out, at most ten and 2,000 bytes, fit for a message; empty if there are none.
  std::string OutputTail() const;
  // Fills the empty folder `to` with the checkpoint's files: linked where the file system can, else copied.
  absl::Status LinkCheckpoint(const std::filesystem::path& to) const;
  void RemoveCheckpoint() const;
  // What a killed trainer or server was writing goes; only while no trainer works. The checkpoint that was whole stays.
  void RemoveHalfWritten() const;
  void RemoveState() const;  // from which a trainer would go on
  // Epoch, scores and unseen of the epoch whose weights are in the checkpoint, as its fintag.json has them; nothing if
  // it does not say; an error where there is one that cannot be read. A trainer killed between checkpoint and event has
  // written more than its log tells.
  absl::StatusOr<std::optional<EpochResult>> RecordedEpoch() const;

 private:
  std::filesystem::path path_;
};

}  // namespace fintag::server
