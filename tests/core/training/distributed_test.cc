// Training by several ranks, each a thread of the test: the same trajectory as of one process.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/training/trainer.h"
#include "tests/core/ranks/rank_threads.h"
#include "tests/core/training/training_fixture.h"

namespace fintag {
namespace {

using ::testing::HasSubstr;

class DistributedTest : public TrainingTest {
 protected:
  // What each rank is told and answers. Options may differ by rank.
  struct RankRun {
    RecordingObserver observer;
    absl::StatusOr<TrainingResult> result = absl::UnknownError("did not run");
  };
  std::vector<RankRun> RunDistributed(int32_t ranks, const std::vector<TrainingOptions>& options = {}) {
    Input();
    std::vector<RankRun> runs(static_cast<size_t>(ranks));
    RunRanks(
        ranks,
        [&](RankGroup& group) {
          const auto rank = static_cast<size_t>(group.place().rank);
          runs[rank].observer.on_step = observer_.on_step;
          runs[rank].result =
              Train(input_, options.empty() ? options_ : options[rank], runs[rank].observer, stop_, &group);
          if (!runs[rank].result.ok()) group.Fail(runs[rank].result.status());
        },
        &stop_);
    return runs;
  }

  static void ExpectSameScores(const EpochResult& a, const EpochResult& b) {
    EXPECT_EQ(a.scores.micro.f1, b.scores.micro.f1);
    EXPECT_EQ(a.scores.micro.correct, b.scores.micro.correct);
    EXPECT_EQ(a.scores.macro.f1, b.scores.macro.f1);
    EXPECT_EQ(a.scores.accuracy, b.scores.accuracy);
    EXPECT_EQ(a.scores.confusion, b.scores.confusion);
    EXPECT_EQ(a.unseen.f1, b.unseen.f1);
    EXPECT_EQ(a.best, b.best);
  }

  // One process and `ranks` of them go the same way.
  void ExpectSameTrajectory(int32_t ranks) {
    options_.dropout = 0;
    options_.epochs = 8;  // 56 steps and more
    options_.learning_rate = 2e-3;
    ASSERT_TRUE(Run().ok());
    const RecordingObserver alone = observer_;
    const std::vector<RankRun> runs = RunDistributed(ranks);
    for (const RankRun& run : runs) {
      ASSERT_TRUE(run.result.ok()) << run.result.status();
      ASSERT_EQ(run.observer.steps.size(), alone.steps.size());
      ASSERT_GE(alone.steps.size(), 50u);
      for (size_t i = 0; i < alone.steps.size(); ++i) {
        EXPECT_NEAR(run.observer.steps[i].loss, alone.steps[i].loss, 1e-4) << i;
        EXPECT_EQ(run.observer.steps[i].tokens, alone.steps[i].tokens);
        EXPECT_EQ(run.observer.steps[i].loss, runs[0].observer.steps[i].loss) << "the same at all ranks";
      }
      for (size_t i = 0; i < alone.epochs.size(); ++i) {
        EXPECT_NEAR(run.observer.epochs[i].validation_loss, alone.epochs[i].validation_loss, 1e-4);
        ExpectSameScores(run.observer.epochs[i], runs[0].observer.epochs[i]);
        ExpectSameScores(run.observer.epochs[i], alone.epochs[i]);
      }
    }
    EXPECT_TRUE(std::filesystem::exists(checkpoint() / "model.safetensors"));
  }
};

TEST_F(DistributedTest, TwoRanksGoTheWayOfOne) { ExpectSameTrajectory(2); }

TEST_F(DistributedTest, RanksWithoutASentenceGoAlong) {
  options_.batch_sentences = 7;  // 60 sentences: the last batch has four for five ranks
  ExpectSameTrajectory(5);
}

TEST_F(DistributedTest, AccumulationIsDividedToo) {
  options_.batch_sentences = 3;
  options_.gradient_accumulation = 3;
  ExpectSameTrajectory(2);
}

// Nothing of a rank's is left out of clipping, decay and warm-up.
TEST_F(DistributedTest, ClippingAndDecayAreThoseOfTheWhole) {
  options_.max_gradient_norm = 0.05;
  options_.weight_decay = 0.1;
  options_.warmup_ratio = 0.2;
  ExpectSameTrajectory(3);
}

TEST_F(DistributedTest, SentencesOfManyWindowsAreScoredAlike) {
  train_ = LearnableCorpus(20, 3, /*longest=*/90);
  validation_ = LearnableCorpus(40, 4, /*longest=*/300);  // several batches an evaluation
  options_.batch_sentences = 2;
  ExpectSameTrajectory(2);
}

TEST_F(DistributedTest, WithDropoutTwoRunsWriteTheSameBytes) {
  options_.dropout = 0.2;
  std::vector<RankRun> runs = RunDistributed(2);
  ASSERT_TRUE(runs[0].result.ok()) << runs[0].result.status();
  ASSERT_TRUE(runs[1].result.ok()) << runs[1].result.status();
  const std::string weights = Weights();
  const std::vector<RankRun> again = RunDistributed(2);
  EXPECT_TRUE(Weights() == weights);
  EXPECT_EQ(again[0].observer.steps.back().loss, runs[0].observer.steps.back().loss);
}

TEST_F(DistributedTest, ScoresOfTheSameWeightsAreThoseOfOneProcessBitForBit) {
  options_.learning_rate = 1e-30;  // the weights stay as they are
  options_.epochs = 1;
  ASSERT_TRUE(Run().ok());
  const EpochResult alone = observer_.epochs.front();
  for (const RankRun& run : RunDistributed(3)) {
    ASSERT_TRUE(run.result.ok()) << run.result.status();
    EXPECT_EQ(run.observer.epochs.front().validation_loss, alone.validation_loss);
    ExpectSameScores(run.observer.epochs.front(), alone);
  }
}

TEST_F(DistributedTest, AStopEndsAllAtTheSameStep) {
  options_.epochs = 50;
  options_.keep = KeepCheckpoint::kLast;
  observer_.on_step = [this](const TrainingProgress& progress) {
    if (progress.step == 20) stop_ = true;
  };
  const std::vector<RankRun> runs = RunDistributed(3);
  for (const RankRun& run : runs) {
    ASSERT_TRUE(run.result.ok()) << run.result.status();
    EXPECT_TRUE(run.result->cancelled);
    EXPECT_EQ(run.observer.steps.size(), runs[0].observer.steps.size());
    EXPECT_EQ(run.result->kept_epoch, 2);
  }
  EXPECT_LT(runs[0].observer.steps.size(), 400u);
}

TEST_F(DistributedTest, RanksThatTrainSomethingElseAreToldApart) {
  std::vector<TrainingOptions> options = {options_, options_};
  options[1].learning_rate *= 2;
  const std::vector<RankRun> runs = RunDistributed(2, options);
  for (const RankRun& run : runs) {
    EXPECT_EQ(run.result.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(run.result.status().message()), HasSubstr("rank 1 of 2 has another"));
  }
}

TEST_F(DistributedTest, OneRanksErrorIsEveryRanks) {
  std::vector<TrainingOptions> options = {options_, options_};
  options[1].epochs = 0;
  const std::vector<RankRun> runs = RunDistributed(2, options);
  EXPECT_EQ(runs[0].result.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(runs[0].result.status().message()), HasSubstr("rank 1 of 2 failed: epochs must be"));
}

}  // namespace
}  // namespace fintag
