#include "core/training/epoch_list.h"

#include <algorithm>
#include <utility>

namespace fintag {

void AddEpoch(EpochResult epoch, std::vector<EpochResult>& epochs) {
  const auto best = std::find_if(epochs.rbegin(), epochs.rend(), [](const EpochResult& e) { return e.best; });
  for (auto earlier = epochs.rbegin(); earlier != epochs.rend(); ++earlier) {
    if (epoch.best || earlier != best) earlier->scores.confusion.clear();
  }
  epochs.push_back(std::move(epoch));
}

}  // namespace fintag
