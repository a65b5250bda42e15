// Which of the processes of a distributed run this one is, as torchrun, srun or an indexed Kubernetes Job say it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"

namespace fintag {

struct RankPlace {
  int32_t rank = 0;   // 0 <= rank < ranks
  int32_t ranks = 1;  // 1: a run of one process
  int32_t local_rank = 0;
  std::string host;  // where the ranks meet: rank 0's machine
  uint16_t port = 0;
  // torchrun's agent listens at host and port already; otherwise rank 0 does.
  bool agent_listens = false;
  std::string attempt = "0";  // torchrun starts all ranks again after a failure, with the next number

  bool distributed() const { return ranks > 1; }
  std::string Name() const { return NameOf(rank); }
  std::string NameOf(int32_t other) const;  // "rank 1 of 2"
};

// Reads WORLD_SIZE, RANK, LOCAL_RANK, MASTER_ADDR and MASTER_PORT through `variable`, which answers as getenv. Where
// MASTER_ADDR is set and WORLD_SIZE is not, a task of srun takes SLURM_NTASKS, SLURM_PROCID and SLURM_LOCALID for the
// first three. Without a number of ranks, or with 1, the run is one of a single process. INVALID_ARGUMENT names a
// variable that is missing or wrong.
absl::StatusOr<RankPlace> RankPlaceOf(const std::function<const char*(const char*)>& variable);

}  // namespace fintag
