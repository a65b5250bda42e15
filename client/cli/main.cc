#include <cstdlib>
#include <iostream>

#include "absl/synchronization/mutex.h"
#include "client/cli/command_line.h"

int main(int argc, char** argv) {
  // gRPC's own messages are for its developers; every failure is reported in our words. Set it to see them.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  // Debian's abseil looks for deadlocks at every lock of gRPC's.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  std::ios::sync_with_stdio(false);
  return fintag::client::RunCommandLine(argc, argv, std::cout, std::cerr);
}
