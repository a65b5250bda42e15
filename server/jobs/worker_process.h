// One trainer process: started in a process group of its own, found again by its pid file after a restart.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace fintag::server {

// How a trainer ended; `signal` 0 and `exit_code` -1 when it was started by an earlier server and is nobody's child.
struct WorkerExit {
  int exit_code = -1;
  int signal = 0;
  std::string Describe() const;  // "killed by signal 9 (SIGKILL)", "exited with status 1"
};

// What a trainer may take of the machine, beside the fixed limits that JOB_FOLDER.md lists.
struct TrainerLimits {
  int64_t memory_bytes = 0;  // of its own, mapped files not counted (RLIMIT_DATA); 0: any
};

class WorkerProcess {
 public:
  // Starts `trainer --job folder`, confined as JOB_FOLDER.md says; standard output and error go to folder/trainer.out.
  // The pid is written to folder/trainer.pid before the program runs. FAILED_PRECONDITION if a trainer holds the
  // folder's lock; what the system says where the program cannot be started.
  static absl::StatusOr<std::unique_ptr<WorkerProcess>> Start(const std::filesystem::path& trainer,
                                                              const std::filesystem::path& folder,
                                                              const TrainerLimits& limits);
  // The trainer that an earlier server started in `folder`, if it still runs: the process of folder/trainer.pid whose
  // command line names the folder. (A number given to another process since does not; folder/trainer.lock, which the
  // trainer takes once it runs, would miss one that has just been started.) Null if there is none.
  static std::unique_ptr<WorkerProcess> Find(const std::filesystem::path& folder);
  virtual ~WorkerProcess() = default;  // leaves the process running

  virtual std::optional<WorkerExit> Poll() = 0;  // does not block; the same answer once ended
  virtual void Terminate() = 0;                  // SIGTERM to the group
  virtual void Kill() = 0;                       // SIGKILL to the group
  virtual pid_t pid() const = 0;
};

}  // namespace fintag::server
