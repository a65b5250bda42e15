// Ranks that must have the same of something say so to each other, rather than train on with different things.
#pragma once

#include <ATen/ATen.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "core/ranks/rank_group.h"

namespace fintag {

// OK where `value` is the same at all ranks; else `code` and "rank 1 of 2 has another WHAT than rank 0". To be called
// by all ranks.
absl::Status Agree(RankGroup& ranks, const std::string& what, const std::string& value, absl::StatusCode code);

// Differs where a bit of a parameter differs; not where elements of one have changed places.
std::string WeightsChecksum(const std::vector<std::pair<std::string, at::Tensor>>& parameters);

// How many ranks run on this machine.
absl::StatusOr<int32_t> RanksHere(RankGroup& ranks);

}  // namespace fintag
