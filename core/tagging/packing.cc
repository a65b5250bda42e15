#include <algorithm>
#include <numeric>

#include "core/tagging/tagger.h"

namespace fintag {

std::vector<std::vector<int32_t>> PackWindows(std::span<const WindowRef> windows, int64_t max_tokens) {
  std::vector<int32_t> order(windows.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int32_t a, int32_t b) { return windows[a].tokens() > windows[b].tokens(); });

  std::vector<std::vector<int32_t>> batches;
  int64_t room = 0;  // in the last batch
  for (int32_t index : order) {
    const int64_t tokens = windows[index].tokens();
    if (batches.empty() || tokens > room) {
      batches.emplace_back();
      room = max_tokens;
    }
    batches.back().push_back(index);
    room -= tokens;
  }
  return batches;
}

}  // namespace fintag
