#include "core/training/progress_meter.h"

#include <gtest/gtest.h>

#include <thread>

namespace fintag {
namespace {

void Sleep(int milliseconds) { std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds)); }

TEST(ProgressMeter, EstimatesFromWhatWasMeasured) {
  ProgressMeter meter(/*epoch_tokens=*/1000, /*epochs=*/2, /*validation_tokens=*/0);
  EXPECT_EQ(meter.seconds_left(), 0);
  meter.StartTraining();
  Sleep(40);
  meter.Trained(500);
  EXPECT_EQ(meter.tokens(), 500);
  // 500 tokens took at least 40 ms, 1,500 are left.
  EXPECT_GE(meter.training_seconds(), 0.04);
  EXPECT_NEAR(meter.seconds_left(), 3 * meter.training_seconds(), 1e-9);
  EXPECT_NEAR(meter.tokens_per_second(), 500 / meter.training_seconds(), 1e-3 * meter.tokens_per_second());
  meter.Trained(500);
  meter.StartEvaluation();
  Sleep(30);
  meter.EndEvaluation();
  EXPECT_GE(meter.evaluation_seconds(), 0.03);
  EXPECT_NEAR(meter.seconds_left(), meter.training_seconds() + meter.evaluation_seconds(), 1e-6);
  // Time that passes outside training counts for no epoch.
  Sleep(30);
  meter.StartTraining();
  meter.Trained(1000);
  EXPECT_LT(meter.training_seconds(), 0.03);
  meter.StartEvaluation();
  meter.EndEvaluation();
  EXPECT_EQ(meter.seconds_left(), 0);
}

TEST(ProgressMeter, RateIsOfTheLatestInterval) {
  ProgressMeter meter(100000, 1, 100);
  meter.StartTraining();
  Sleep(5);
  meter.Trained(10);
  const double first = meter.tokens_per_second();
  meter.Trained(10000);
  EXPECT_EQ(meter.tokens_per_second(), first) << "half a second has not passed";
  Sleep(510);
  meter.Trained(10000);
  EXPECT_GT(meter.tokens_per_second(), 20000 / 5.0);
}

TEST(ProgressInterval, GrowsWithTheRun) {
  using namespace std::chrono_literals;
  EXPECT_EQ(ProgressInterval(0s), 500ms);
  EXPECT_EQ(ProgressInterval(30s), 500ms);
  EXPECT_EQ(ProgressInterval(2min), 2s);
  EXPECT_EQ(ProgressInterval(8h), 5s);
}

}  // namespace
}  // namespace fintag
