#include "core/model/parallel.h"

#include <algorithm>
#include <atomic>

#include "core/model/openmp_loop.h"

namespace fintag {
namespace {

using RangeBody = std::function<void(int64_t begin, int64_t end)>;

// The OpenMP runtime orders a loop's threads by futexes of its own, which the thread sanitizer cannot see. This counter
// says the same in the language's terms; it costs two additions a range.
std::atomic<uint64_t> loop_order = 0;

void RunRange(const void* body, int64_t begin, int64_t end) {
  loop_order.load(std::memory_order_acquire);
  (*static_cast<const RangeBody*>(body))(begin, end);
  loop_order.fetch_add(1, std::memory_order_acq_rel);
}

}  // namespace

int ParallelThreads() { return OpenMpThreads(); }

void ParallelFor(int64_t count, int64_t grain, const RangeBody& body) {
  loop_order.fetch_add(1, std::memory_order_acq_rel);
  RunOpenMpLoop(count, grain, RunRange, &body);
  loop_order.load(std::memory_order_acquire);
}

void ParallelEach(int64_t count, const std::function<void(int64_t i)>& body) {
  std::atomic<int64_t> next = 0;
  ParallelFor(std::min<int64_t>(count, ParallelThreads()), 1, [&](int64_t, int64_t) {
    for (int64_t i = next.fetch_add(1, std::memory_order_relaxed); i < count;
         i = next.fetch_add(1, std::memory_order_relaxed)) {
      body(i);
    }
  });
}

}  // namespace fintag
