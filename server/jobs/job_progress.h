// Answers how far jobs are, for every GetJob and ListJobs, without reading their whole logs each time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "core/training/event_log.h"
#include "server/jobs/job_history.h"

namespace fintag::server {

// Keeps the latest jobs asked for, each with its place in its log. Safe from many threads.
class JobProgressReader {
 public:
  // `folder` has a folder for each job.
  explicit JobProgressReader(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // Of a damaged log, what stands before the damage. `closed`: the log is complete, and need not be read where the
  // folder has a sum of it.
  absl::StatusOr<JobProgress> Read(const std::string& id, bool closed);
  // Progress events after `after_sequence`, thinned (progress_curve.h).
  absl::StatusOr<std::vector<Event>> ReadCurve(const std::string& id, int64_t after_sequence);
  void Forget(const std::string& id);

 private:
  struct Entry {
    std::mutex mutex;
    std::unique_ptr<EventLogReader> reader ABSL_GUARDED_BY(mutex);  // null before the log is read, and after its end
    JobHistory history ABSL_GUARDED_BY(mutex);
    std::optional<JobProgress> sum ABSL_GUARDED_BY(mutex);  // instead of a history, from the folder
    int64_t used = 0;                                       // guarded by the reader's own mutex
  };

  std::shared_ptr<Entry> Find(const std::string& id);
  // Takes what is new in the log of `id` into `entry`, whose mutex is held.
  absl::Status Update(const std::string& id, Entry& entry) const;

  const std::filesystem::path folder_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Entry>> entries_ ABSL_GUARDED_BY(mutex_);
  int64_t uses_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace fintag::server
