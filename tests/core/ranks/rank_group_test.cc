#include "core/ranks/rank_group.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "core/ranks/rank_agreement.h"
#include "tests/core/ranks/rank_threads.h"

namespace fintag {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(RankGroup, SumsGathersAndBroadcasts) {
  RunRanks(3, [](RankGroup& group) {
    const int32_t rank = group.place().rank;
    const at::Tensor tensor = at::full({5}, rank + 1.0);
    ASSERT_TRUE(group.Sum(tensor).ok());
    EXPECT_TRUE(tensor.equal(at::full({5}, 6.0)));
    const auto texts = group.Gather(std::string(static_cast<size_t>(rank), 'x'));
    ASSERT_TRUE(texts.ok()) << texts.status();
    EXPECT_THAT(*texts, ElementsAre("", "x", "xx"));
    std::string bytes = rank == 0 ? std::string("a\0b", 3) : "other";
    ASSERT_TRUE(group.Broadcast(bytes).ok());
    EXPECT_EQ(bytes, std::string("a\0b", 3));
    const auto here = RanksHere(group);
    ASSERT_TRUE(here.ok()) << here.status();
    EXPECT_EQ(*here, 3);
  });
}

TEST(RankGroup, NamesTheRankThatHasSomethingElse) {
  RunRanks(3, [](RankGroup& group) {
    EXPECT_TRUE(Agree(group, "corpus", "same", absl::StatusCode::kInternal).ok());
    const std::string value = group.place().rank == 2 ? "b" : "a";
    const absl::Status status = Agree(group, "corpus", value, absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(status.message(), "rank 2 of 3 has another corpus than rank 0");
  });
}

TEST(RankGroup, ChecksumSeesABit) {
  const at::Tensor weights = at::rand({100});
  const std::string before = WeightsChecksum({{"a", weights}, {"b", weights}});
  EXPECT_EQ(WeightsChecksum({{"a", weights.clone()}, {"b", weights}}), before);
  at::Tensor other = weights.clone();
  other.view(at::kInt)[17] += 1;
  EXPECT_NE(WeightsChecksum({{"a", other}, {"b", weights}}), before);
  EXPECT_NE(WeightsChecksum({{"a", weights}, {"b", other}}), WeightsChecksum({{"a", other}, {"b", weights}}));
}

// Whichever rank fails, the others end with its reason and its code.
class FailingRank : public ::testing::TestWithParam<int32_t> {};

TEST_P(FailingRank, GivesTheOthersItsReason) {
  const auto begin = std::chrono::steady_clock::now();
  RunRanks(3, [](RankGroup& group) {
    if (group.place().rank == GetParam()) {
      group.Fail(absl::ResourceExhaustedError("out of memory"));
      return;  // its connections close
    }
    const absl::Status status = group.Sum(at::ones({1000}));
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("rank " + std::to_string(GetParam()) + " of 3 failed: out of memory"));
  });
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

INSTANTIATE_TEST_SUITE_P(Each, FailingRank, ::testing::Values(0, 1, 2));

TEST(RankGroup, AStopAtOneRankIsSeenByAll) {
  const uint16_t port = FreePort();
  std::atomic<bool> stops[2] = {false, false};
  std::atomic<int> seen = 0;
  std::vector<std::thread> threads;
  for (int32_t rank = 0; rank < 2; ++rank) {
    threads.emplace_back([&, rank] {
      RankPlace place;
      place.rank = rank;
      place.ranks = 2;
      place.host = "127.0.0.1";
      place.port = port;
      const auto group = RankGroup::Connect(place, stops[rank]);
      ASSERT_TRUE(group.ok()) << group.status();
      if (rank == 1) stops[1] = true;
      for (int tries = 0; tries < 500 && !(*group)->stop(); ++tries) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
      seen += (*group)->stop() ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(seen, 2);
}

TEST(RankGroup, NamesTheRankThatDoesNotCome) {
  RankPlace place;
  place.rank = 0;
  place.ranks = 3;
  place.host = "127.0.0.1";
  place.port = FreePort();
  std::atomic<bool> stop = false;
  const auto group = RankGroup::Connect(place, stop, std::chrono::seconds(1));
  EXPECT_EQ(group.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(group.status().message()), HasSubstr("ranks 1, 2 of 3 did not come within 1 seconds"));
  place.rank = 1;
  const auto other = RankGroup::Connect(place, stop, std::chrono::seconds(1));
  EXPECT_EQ(other.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(other.status().message()), HasSubstr("rank 1 of 3 does not reach rank 0 at 127.0.0.1:"));
  stop = true;
  EXPECT_TRUE(absl::IsCancelled(RankGroup::Connect(place, stop).status()));
}

}  // namespace
}  // namespace fintag
