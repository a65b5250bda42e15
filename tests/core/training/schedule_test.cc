#include "core/training/schedule.h"

#include <gtest/gtest.h>

namespace fintag {
namespace {

// Values of transformers' get_linear_schedule_with_warmup(optimizer, 3, 10) with a rate of 1.
TEST(Schedule, LinearWithWarmupEqualsTransformers) {
  TrainingOptions options;
  options.learning_rate = 1;
  options.warmup_ratio = 0.25;  // of 10 steps: 3, rounded up
  const double expected[] = {0, 1.0 / 3, 2.0 / 3, 1, 6.0 / 7, 5.0 / 7, 4.0 / 7, 3.0 / 7, 2.0 / 7, 1.0 / 7};
  for (int step = 0; step < 10; ++step) EXPECT_DOUBLE_EQ(LearningRate(options, step, 10), expected[step]) << step;
}

TEST(Schedule, LinearWithoutWarmupStartsAtTheFullRate) {
  TrainingOptions options;
  options.learning_rate = 0.5;
  EXPECT_DOUBLE_EQ(LearningRate(options, 0, 4), 0.5);
  EXPECT_DOUBLE_EQ(LearningRate(options, 3, 4), 0.125);
  EXPECT_DOUBLE_EQ(LearningRate(options, 4, 4), 0);
  EXPECT_DOUBLE_EQ(LearningRate(options, 9, 4), 0);
}

TEST(Schedule, ConstantStaysLevelBehindWarmup) {
  TrainingOptions options;
  options.learning_rate = 0.5;
  options.schedule = Schedule::kConstant;
  options.warmup_ratio = 0.2;
  EXPECT_DOUBLE_EQ(LearningRate(options, 1, 10), 0.25);
  for (int step = 2; step < 10; ++step) EXPECT_DOUBLE_EQ(LearningRate(options, step, 10), 0.5);
}

}  // namespace
}  // namespace fintag
