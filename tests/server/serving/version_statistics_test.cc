#include "server/serving/version_statistics.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace fintag::server {
namespace {

TEST(VersionStatistics, AddsUpWhatItIsTold) {
  const auto statistics = VersionStatistics::Create();
  EXPECT_EQ(statistics->figures().last_answer_ms, 0);
  statistics->OnBatch({.tokens = 30, .windows = 3, .seconds = 0.5, .queue_seconds = {0.25, 0.5}});
  statistics->OnBatch({.tokens = 30, .windows = 1, .seconds = 0.25, .queue_seconds = {}});
  statistics->OnAnswer(3, {.total = 2, .encode = 0.125, .decode = 0.0625});
  statistics->OnAnswer(1, {.total = 1, .encode = 0.125, .decode = 0.0625});
  statistics->OnFailure(4);
  const VersionFigures figures = statistics->figures();
  EXPECT_GT(figures.last_answer_ms, 0);
  EXPECT_EQ(figures.texts, 4);
  const auto expect = [](const DurationSum& sum, int64_t count, double seconds) {
    EXPECT_EQ(sum.count, count);
    EXPECT_EQ(sum.seconds, seconds);
  };
  expect(figures.success, 2, 3);
  expect(figures.failure, 1, 4);
  expect(figures.queue, 2, 0.75);
  expect(figures.encode, 2, 0.25);
  expect(figures.forward, 2, 0.75);
  expect(figures.decode, 2, 0.125);
}

TEST(VersionStatistics, LosesNothingToManyThreads) {
  const auto statistics = VersionStatistics::Create();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 1000; ++round) {
        statistics->OnBatch({.tokens = 1, .windows = 1, .seconds = 1, .queue_seconds = {1}});
        statistics->OnAnswer(2, {.total = 1, .encode = 1, .decode = 1});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const VersionFigures figures = statistics->figures();
  EXPECT_EQ(figures.texts, 8000);
  EXPECT_EQ(figures.forward.count, 4000);
  EXPECT_EQ(figures.success.seconds, 4000);
}

}  // namespace
}  // namespace fintag::server
