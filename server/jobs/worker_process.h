// A trainer on this machine: started in a process group of its own, found again by its pid file after a restart. Where
// a job has several, they are one group (local_ranks.h).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>

#include "absl/status/statusor.h"
#include "server/jobs/trainer_run.h"

namespace fintag::server {

// What a trainer may take of the machine, beside the fixed limits that JOB_FOLDER.md lists.
struct TrainerLimits {
  int64_t memory_bytes = 0;  // of its own, mapped files not counted (RLIMIT_DATA); 0: any
};

class WorkerProcess : public TrainerRun {
 public:
  // Starts `trainer --job folder`, confined as JOB_FOLDER.md says; standard output and error go to folder/trainer.out.
  // The pid is written to folder/trainer.pid before the program runs. FAILED_PRECONDITION if a trainer holds the
  // folder's lock; what the system says where the program cannot be started. Of several `processes` the pid is that of
  // the shell that started them.
  static absl::StatusOr<std::unique_ptr<WorkerProcess>> Start(const std::filesystem::path& trainer,
                                                              const std::filesystem::path& folder,
                                                              const TrainerLimits& limits, int32_t processes = 1);
  // The trainer that an earlier server started in `folder`, if it still runs: the process of folder/trainer.pid whose
  // command line names the folder. (A number given to another process since does not; folder/trainer.lock, which the
  // trainer takes once it runs, would miss one that has just been started.) Also where only others of its group are
  // left, which are ended first, or one that is ending still holds the lock. Null if there is none.
  static std::unique_ptr<WorkerProcess> Find(const std::filesystem::path& folder);

  // Signals go to the process group.
  virtual pid_t pid() const = 0;
};

}  // namespace fintag::server
