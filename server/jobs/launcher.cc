#include "server/jobs/launcher.h"

#include <utility>

#include "server/jobs/job_folder.h"
#include "server/jobs/slurm_launcher.h"

namespace fintag::server {
namespace {

class LocalLauncher final : public Launcher {
 public:
  explicit LocalLauncher(const LauncherOptions& options) : options_(options) {}

  absl::StatusOr<std::unique_ptr<TrainerRun>> Start(const std::filesystem::path& folder) override {
    const absl::StatusOr<JobSpec> spec = JobFolder(folder).ReadSpec();
    if (!spec.ok()) return spec.status();
    return WorkerProcess::Start(options_.trainer, folder, options_.limits, spec->options.processes);
  }
  std::unique_ptr<TrainerRun> Find(const std::filesystem::path& folder) override { return WorkerProcess::Find(folder); }

 private:
  const LauncherOptions options_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Launcher>> MakeLauncher(const LauncherOptions& options, LauncherObservers observers) {
  if (options.slurm) return SlurmLauncher::Create(options, std::move(observers));
  return std::make_unique<LocalLauncher>(options);
}

}  // namespace fintag::server
