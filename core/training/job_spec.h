// job.json: what the server tells fintag-train, the one file it is started with.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/training/training_options.h"

namespace fintag {

// Paths are absolute or relative to the job's folder. The trainer writes `checkpoint/` and `events.log` there.
struct JobSpec {
  std::string job;                   // "jobs/abc", for messages
  std::filesystem::path base;        // checkpoint folder
  std::string base_sha256;           // that its weights must have (Sha256HexOfWeights); empty: any
  std::filesystem::path train;       // corpus file
  std::filesystem::path validation;  // corpus file; empty where there is none
  std::string train_name;            // name of the file as the user gave it, for error messages
  std::string validation_name;
  std::string train_sha256;  // of the file as the user gave it, for the record; empty: that of `train`
  std::string validation_sha256;
  std::string trace_id;  // of the request that made the job, for its events; empty: not known
  TrainingOptions options;
  bool keep_state =
      false;  // after each epoch in `state/`, for a trainer that is started here again (TRAINING_STATE.md)
};

std::string JobSpecJson(const JobSpec& spec);
// INVALID_ARGUMENT names the field.
absl::StatusOr<JobSpec> ParseJobSpec(std::string_view json);

}  // namespace fintag
