// Which sentences of a batch each rank of a distributed run trains on.
#pragma once

#include <cstdint>
#include <vector>

#include "core/training/batches.h"
#include "core/training/token_cache.h"

namespace fintag {

// The share of `rank` among `ranks`, in the batch's order. The shares of all ranks are the batch; their tokens are as
// equal as dealing the longest sentences first makes them. A batch of fewer sentences than ranks leaves some without.
std::vector<int32_t> ShareOf(const TokenCache& corpus, SentenceBatch batch, int32_t rank, int32_t ranks);

}  // namespace fintag
