#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "core/tagging/tagger.h"

namespace fintag {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// One sentence whose windows have the given numbers of tokens, and references to all of them.
struct Queue {
  explicit Queue(const std::vector<int>& lengths) {
    sentence.windows.resize(lengths.size());
    for (size_t i = 0; i < lengths.size(); ++i) {
      sentence.windows[i].token_ids.resize(lengths[i]);
      windows.push_back({&sentence, static_cast<int32_t>(i)});
    }
  }

  EncodedSentence sentence;
  std::vector<WindowRef> windows;
};

TEST(PackWindows, GivesNoBatchForNoWindows) { EXPECT_THAT(PackWindows({}, 100), IsEmpty()); }

TEST(PackWindows, PutsLongestFirstAndKeepsTheOrderOfEquals) {
  const Queue queue({3, 10, 3, 7});
  EXPECT_THAT(PackWindows(queue.windows, 100), ElementsAre(ElementsAre(1, 3, 0, 2)));
}

TEST(PackWindows, SendsALongerWindowAlone) {
  const Queue queue({5, 200, 5});
  EXPECT_THAT(PackWindows(queue.windows, 100), ElementsAre(ElementsAre(1), ElementsAre(0, 2)));
}

TEST(PackWindows, FillsABatchToTheLastToken) {
  const Queue queue({50, 50, 50});
  EXPECT_THAT(PackWindows(queue.windows, 100), ElementsAre(ElementsAre(0, 1), ElementsAre(2)));
  EXPECT_THAT(PackWindows(queue.windows, 99), ElementsAre(ElementsAre(0), ElementsAre(1), ElementsAre(2)));
}

TEST(PackWindows, PacksEveryWindowOnceWithinTheBudget) {
  std::mt19937 random(5);
  for (int round = 0; round < 200; ++round) {
    std::vector<int> lengths(random() % 300);
    for (int& length : lengths) length = 3 + static_cast<int>(random() % 510);
    const int64_t budget = 1 + static_cast<int64_t>(random() % 3000);
    const Queue queue(lengths);
    std::vector<int> seen(lengths.size(), 0);
    int64_t last = 512;
    for (const std::vector<int32_t>& batch : PackWindows(queue.windows, budget)) {
      int64_t tokens = 0;
      ASSERT_FALSE(batch.empty());
      for (int32_t index : batch) {
        ++seen.at(index);
        ASSERT_LE(lengths[index], last);
        last = lengths[index];
        tokens += lengths[index];
      }
      ASSERT_TRUE(tokens <= budget || batch.size() == 1) << tokens << " of " << budget;
    }
    EXPECT_EQ(seen, std::vector<int>(lengths.size(), 1));
  }
}

}  // namespace
}  // namespace fintag
