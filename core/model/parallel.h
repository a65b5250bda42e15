// LibTorch's own threads for loops of ours.
#pragma once

#include <cstdint>
#include <functional>

namespace fintag {

int ParallelThreads();

// Calls `body(begin, end)` for disjoint ranges that cover 0 to `count`, from several threads once `count` exceeds
// `grain`. Exceptions of `body` reach the caller.
void ParallelFor(int64_t count, int64_t grain, const std::function<void(int64_t begin, int64_t end)>& body);

}  // namespace fintag
