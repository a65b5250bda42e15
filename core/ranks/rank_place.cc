#include "core/ranks/rank_place.h"

#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace fintag {
namespace {

constexpr int64_t kMostRanks = 1 << 16;
constexpr int64_t kLargestPort = 65535;

// A whole number from `least` to `most`.
absl::StatusOr<int64_t> Number(const char* name, const char* text, int64_t least, int64_t most) {
  if (text == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(name, " is not set, though WORLD_SIZE tells of several ranks"));
  }
  int64_t number = 0;
  if (!absl::SimpleAtoi(text, &number) || number < least || number > most) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " must be a number from ", least, " to ", most, ", is '", text, "'"));
  }
  return number;
}

}  // namespace

std::string RankPlace::NameOf(int32_t other) const { return absl::StrCat("rank ", other, " of ", ranks); }

absl::StatusOr<RankPlace> RankPlaceOf(const std::function<const char*(const char*)>& variable) {
  const char *ranks_name = "WORLD_SIZE", *rank_name = "RANK", *local_name = "LOCAL_RANK";
  // Slurm's own variables alone do not make a run distributed: a batch script has them too.
  if (variable(ranks_name) == nullptr && variable("MASTER_ADDR") != nullptr && variable("SLURM_NTASKS") != nullptr) {
    ranks_name = "SLURM_NTASKS", rank_name = "SLURM_PROCID", local_name = "SLURM_LOCALID";
  }
  RankPlace place;
  if (variable(ranks_name) == nullptr) return place;
  const absl::StatusOr<int64_t> ranks = Number(ranks_name, variable(ranks_name), 1, kMostRanks);
  if (!ranks.ok()) return ranks.status();
  if (*ranks == 1) return place;
  place.ranks = static_cast<int32_t>(*ranks);
  const absl::StatusOr<int64_t> rank = Number(rank_name, variable(rank_name), 0, *ranks - 1);
  if (!rank.ok()) return rank.status();
  place.rank = static_cast<int32_t>(*rank);
  if (variable(local_name) != nullptr) {
    const absl::StatusOr<int64_t> local_rank = Number(local_name, variable(local_name), 0, *ranks - 1);
    if (!local_rank.ok()) return local_rank.status();
    place.local_rank = static_cast<int32_t>(*local_rank);
  }
  if (variable("MASTER_ADDR") == nullptr) {
    return absl::InvalidArgumentError("MASTER_ADDR is not set: the name of rank 0's machine");
  }
  place.host = variable("MASTER_ADDR");
  const absl::StatusOr<int64_t> port = Number("MASTER_PORT", variable("MASTER_PORT"), 1, kLargestPort);
  if (!port.ok()) return port.status();
  place.port = static_cast<uint16_t>(*port);
  const char* agent = variable("TORCHELASTIC_USE_AGENT_STORE");
  place.agent_listens = agent != nullptr && std::string_view(agent) == "True";
  if (const char* attempt = variable("TORCHELASTIC_RESTART_COUNT"); attempt != nullptr) place.attempt = attempt;
  return place;
}

}  // namespace fintag
