#include "core/training/epoch_list.h"

#include <gtest/gtest.h>

namespace fintag {
namespace {

// Numbers of the epochs that have their confusion, after epochs of which those in `best` were.
std::vector<int32_t> WithConfusion(const std::vector<bool>& best) {
  std::vector<EpochResult> epochs;
  for (const bool is_best : best) {
    EpochResult epoch;
    epoch.epoch = static_cast<int32_t>(epochs.size()) + 1;
    epoch.best = is_best;
    epoch.scores.confusion["O"]["O"] = epoch.epoch;
    AddEpoch(epoch, epochs);
  }
  EXPECT_EQ(epochs.size(), best.size());
  std::vector<int32_t> with;
  for (const EpochResult& epoch : epochs) {
    if (!epoch.scores.confusion.empty()) with.push_back(epoch.epoch);
  }
  return with;
}

TEST(AddEpoch, KeepsTheConfusionOfTheBestAndTheLatest) {
  EXPECT_EQ(WithConfusion({true}), (std::vector<int32_t>{1}));
  EXPECT_EQ(WithConfusion({true, true}), (std::vector<int32_t>{2}));
  EXPECT_EQ(WithConfusion({true, false, false}), (std::vector<int32_t>{1, 3}));
  EXPECT_EQ(WithConfusion({true, false, true, false, false}), (std::vector<int32_t>{3, 5}));
  EXPECT_EQ(WithConfusion({true, false, true}), (std::vector<int32_t>{3}));
}

}  // namespace
}  // namespace fintag
