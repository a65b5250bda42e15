#include "server/jobs/progress_curve.h"

#include <gtest/gtest.h>

namespace fintag::server {
namespace {

Event Progress(int64_t sequence) {
  TrainingProgress progress;
  progress.step = sequence * 10;
  return {sequence, 1000 + sequence, progress};
}

TEST(ProgressCurve, HasWhatCameAfter) {
  ProgressCurve curve;
  curve.Add({1, 1001, StateChanged{"QUEUED", "", ""}});
  for (int64_t sequence = 2; sequence <= 6; ++sequence) curve.Add(Progress(sequence));
  EXPECT_EQ(curve.After(0).size(), 5);
  const std::vector<Event> late = curve.After(4);
  ASSERT_EQ(late.size(), 2);
  EXPECT_EQ(late[0].sequence, 5);
  EXPECT_EQ(late[0].unix_milliseconds, 1005);
  EXPECT_EQ(std::get<TrainingProgress>(late[0].what).step, 50);
  EXPECT_TRUE(curve.After(6).empty());
  EXPECT_TRUE(curve.After(1000).empty());
}

// However many events: few points, in even distances, from the first to nearly the last.
TEST(ProgressCurve, StaysSmallAndEven) {
  ProgressCurve curve;
  for (int64_t sequence = 1; sequence <= 100'000; ++sequence) {
    curve.Add(Progress(sequence));
    const std::vector<Event> points = sequence % 777 == 0 ? curve.After(0) : std::vector<Event>();
    if (points.empty()) continue;
    ASSERT_LE(points.size(), ProgressCurve::kMostPoints);
    ASSERT_GE(points.size(), std::min<size_t>(sequence, ProgressCurve::kMostPoints / 2));
    ASSERT_EQ(points.front().sequence, 1);
    const int64_t distance = points[1].sequence - points[0].sequence;
    for (size_t i = 1; i < points.size(); ++i) ASSERT_EQ(points[i].sequence - points[i - 1].sequence, distance);
    ASSERT_LT(sequence - points.back().sequence, distance);
  }
}

}  // namespace
}  // namespace fintag::server
