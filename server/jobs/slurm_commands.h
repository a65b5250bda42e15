// What a launcher has to say to Slurm, by its commands. Each may take seconds. UNAVAILABLE or DEADLINE_EXCEEDED where
// Slurm does not answer, CANCELLED once `stopped` says true.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/jobs/launcher.h"
#include "server/jobs/slurm_answers.h"

namespace fintag::server {

class SlurmCommands {
 public:
  SlurmCommands(LauncherOptions options, std::function<bool()> stopped)
      : options_(std::move(options)), stopped_(std::move(stopped)) {}

  // This user's jobs, those that ended of late too.
  absl::StatusOr<std::vector<SlurmListing>> List() const;
  // Submits the job in `folder` under `name` and returns its number. INVALID_ARGUMENT: sbatch's reason to refuse it.
  // After another error it may have been submitted all the same.
  absl::StatusOr<std::string> Submit(const std::filesystem::path& folder, const std::string& name) const;
  // Of a job that Slurm has forgotten: one that nobody saw.
  absl::StatusOr<WorkerExit> ReadEnd(const std::string& id) const;
  // scancel with the option `how`; OK also where the job has just ended.
  absl::Status Cancel(const std::string& id, const std::string& how) const;

 private:
  absl::StatusOr<std::string> Ask(const std::vector<std::string>& arguments) const;

  const LauncherOptions options_;
  const std::function<bool()> stopped_;
};

}  // namespace fintag::server
