// A trainer that was launched, wherever it runs: what the queue asks of it and tells it.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace fintag::server {

// How a trainer ended; `signal` 0 and `exit_code` -1 when nobody saw it: it was started by an earlier server, or its
// scheduler has forgotten it.
struct WorkerExit {
  int exit_code = -1;
  int signal = 0;
  std::string reason = {};  // what a scheduler says, in place of a status: "n2 failed (NODE_FAIL)"
  bool taken_away = false;  // its scheduler ended it and nobody had cancelled it: time over, a node lost, preempted
  std::string Describe() const;  // "killed by signal 9 (SIGKILL)", "exited with status 1", or the reason
};

class TrainerRun {
 public:
  virtual ~TrainerRun() = default;  // leaves the trainer running

  // Does not block; the same answer once ended. RESOURCE_EXHAUSTED where there was no descriptor or no memory to look
  // with: it may have ended or not.
  virtual absl::StatusOr<std::optional<WorkerExit>> Poll() = 0;
  virtual void Terminate() = 0;  // asks all its processes to stop (SIGTERM)
  virtual void Kill() = 0;       // ends them (SIGKILL)
};

}  // namespace fintag::server
