// LibTorch's own threads for loops of ours.
#pragma once

#include <cstdint>
#include <functional>

namespace fintag {

int ParallelThreads();

// Calls `body(begin, end)` for disjoint ranges that cover 0 to `count`, from several threads once `count` exceeds
// `grain`. Exceptions of `body` reach the caller.
void ParallelFor(int64_t count, int64_t grain, const std::function<void(int64_t begin, int64_t end)>& body);

// Calls `body(i)` for each i below `count`, a thread taking the next one as soon as it is done with its last: where a
// thread loses its processor to another program's, the others take over what it would have done.
void ParallelEach(int64_t count, const std::function<void(int64_t i)>& body);

}  // namespace fintag
