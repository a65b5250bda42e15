// Several trainers of one job on this machine, and where they meet.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace fintag::server {

// What all of them are told by their environment: WORLD_SIZE, MASTER_ADDR and a MASTER_PORT that nobody listens on now.
// Where `server` (as `environ`) has no OMP_NUM_THREADS, they share the processors.
absl::StatusOr<std::vector<std::string>> RankEnvironment(int32_t processes, const char* const* server);

// A command that starts `processes` times `trainer --job folder`, each with its RANK and LOCAL_RANK, in its own process
// group, and ends when they have. One that fails ends the others, and its status is the command's. SIGTERM is theirs to
// follow: the command goes on waiting.
std::vector<std::string> RankGroupCommand(int32_t processes, const std::string& trainer, const std::string& folder);

}  // namespace fintag::server
