// Where trainers run: as children of the server (the default), or through a cluster's scheduler.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/jobs/trainer_run.h"
#include "server/jobs/worker_process.h"

namespace fintag::server {

class Launcher {
 public:
  virtual ~Launcher() = default;  // leaves what it launched running

  // Launches the trainers of the job in `folder`: as many as the options in its job.json say, which know of each other
  // by MASTER_ADDR, MASTER_PORT, WORLD_SIZE, RANK and LOCAL_RANK where they are several.
  virtual absl::StatusOr<std::unique_ptr<TrainerRun>> Start(const std::filesystem::path& folder) = 0;
  // What an earlier server launched in `folder` and may still run. Null if there is none.
  virtual std::unique_ptr<TrainerRun> Find(const std::filesystem::path& folder) = 0;
};

struct LauncherOptions {
  std::filesystem::path trainer;  // the program fintag-train
  TrainerLimits limits;           // of each
  bool slurm = false;
  std::vector<std::string> slurm_options;  // for sbatch, before the launcher's own: "--partition=gpu"
};

// Told from a launcher's own thread.
struct LauncherObservers {
  // A job's state with the scheduler has changed: "PENDING (Resources)".
  std::function<void(const std::string& job, const std::string& state)> on_state;
  // The scheduler does not answer, and, with OK, it does again. The launcher tries again by itself.
  std::function<void(const absl::Status&)> on_trouble;
};

// FAILED_PRECONDITION where the programs of the scheduler are not there.
absl::StatusOr<std::unique_ptr<Launcher>> MakeLauncher(const LauncherOptions& options, LauncherObservers observers);

}  // namespace fintag::server
