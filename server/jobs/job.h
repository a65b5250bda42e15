// A fine-tuning job and the states it goes through.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/training/training_options.h"

namespace fintag::server {

enum class JobState { kQueued, kValidating, kRunning, kPausing, kPaused, kCancelling, kCancelled, kSucceeded, kFailed };

std::string_view JobStateName(JobState state);  // "QUEUED"
JobState JobStateFromName(std::string_view name);
bool IsFinal(JobState state);

// Whether the life cycle has an arrow from one to the other.
bool MayFollow(JobState from, JobState to);

struct Job {
  std::string id;
  JobState state = JobState::kQueued;
  std::string dataset;  // "datasets/x"
  std::string base;     // "models/x/versions/1", resolved when the job was made
  std::string model;    // "models/x"
  TrainingOptions options;
  std::string request_id;
  std::string owner;     // the caller who made it; empty: not known
  std::string trace_id;  // of the request that made it; empty: not known
  int64_t create_time_ms = 0;
  int64_t start_time_ms = 0;  // 0: not yet
  int64_t end_time_ms = 0;
  std::string failure_reason;
  std::string model_version;  // "models/x/versions/2"
  int64_t position = 0;       // in the order of all jobs; 0: not stored
  bool log_closed = false;    // the event log ends with the final state
};

}  // namespace fintag::server
