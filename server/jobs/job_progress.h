// Answers how far jobs are, for every GetJob and ListJobs, without reading their whole logs each time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
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

  // Of a damaged log, what stands before the damage.
  absl::StatusOr<JobProgress> Read(const std::string& id);
  // Progress events after `after_sequence`, thinned (progress_curve.h).
  absl::StatusOr<std::vector<Event>> ReadCurve(const std::string& id, int64_t after_sequence);
  void Forget(const std::string& id);

 private:
  struct Entry {
    std::mutex mutex;
    std::unique_ptr<EventLogReader> reader ABSL_GUARDED_BY(mutex);  // null once the log is complete
    JobHistory history ABSL_GUARDED_BY(mutex);
    int64_t used = 0;  // guarded by the reader's own mutex
  };

  std::shared_ptr<Entry> Find(const std::string& id);
  // Takes what is new in the log into `entry`, whose mutex is held.
  static absl::Status Update(Entry& entry);

  const std::filesystem::path folder_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Entry>> entries_ ABSL_GUARDED_BY(mutex_);
  int64_t uses_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace fintag::server
