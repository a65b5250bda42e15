// Trainers as jobs of Slurm: submitted by sbatch, followed through squeue and scontrol, ended by scancel. Job folders,
// datasets, models and the program lie where every node sees them under the same path.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "server/jobs/launcher.h"

namespace fintag::server {

class SlurmLauncher {
 public:
  // One thread talks to Slurm, whose answers may take their time. Start only notes (FOLDER/slurm.job) that the job is
  // to be submitted; where it cannot be, its run ends with what sbatch says, and while Slurm does not answer it waits.
  static absl::StatusOr<std::unique_ptr<Launcher>> Create(const LauncherOptions& options, LauncherObservers observers);
};

}  // namespace fintag::server
