// A run that is ended from outside and started again goes on as if nothing had been.
#include "core/training/training_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "core/training/optimizer.h"
#include "tests/core/ranks/rank_threads.h"
#include "tests/core/training/training_fixture.h"

namespace fintag {
namespace {

using ::testing::HasSubstr;

class TrainingStateTest : public TrainingTest {
 protected:
  TrainingStateTest() {
    input_.state = state();
    options_.epochs = 5;
    options_.learning_rate = 5e-3;
    options_.dropout = 0.1;
    options_.weight_decay = 0.01;
    options_.keep = KeepCheckpoint::kLast;
  }

  std::filesystem::path state() const { return folder_.path() / "state"; }

  // Runs until the first step of `epoch`, where it is stopped, as by a kill: nothing is written after that.
  void RunUntil(int32_t epoch) {
    observer_ = RecordingObserver();
    observer_.on_step = [this, epoch](const TrainingProgress& progress) { stop_ = progress.epoch == epoch; };
    const absl::StatusOr<TrainingResult> result = Train(Input(), options_, observer_, stop_);
    ASSERT_TRUE(result.ok()) << result.status();
    ASSERT_TRUE(result->cancelled);
    stop_ = false;
  }

  // The run that nothing interrupts.
  struct Whole {
    std::string weights, record;
    RecordingObserver observer;
  };
  Whole RunWhole() {
    const absl::StatusOr<TrainingResult> result = Run();
    EXPECT_TRUE(result.ok()) << result.status();
    RemoveTrainingState(state());
    for (const char* name : {"state", ".state.new"}) EXPECT_FALSE(std::filesystem::exists(folder_.path() / name));
    return {Weights(), ReadFile(checkpoint() / "fintag.json"), observer_};
  }

  static void ExpectSameEpochs(const RecordingObserver& run, const RecordingObserver& whole) {
    ASSERT_EQ(run.epochs.size(), whole.epochs.size());
    for (size_t i = 0; i < whole.epochs.size(); ++i) {
      EXPECT_EQ(run.epochs[i].epoch, static_cast<int32_t>(i) + 1);
      EXPECT_EQ(run.epochs[i].train_loss, whole.epochs[i].train_loss);
      EXPECT_EQ(run.epochs[i].validation_loss, whole.epochs[i].validation_loss);
      EXPECT_EQ(run.epochs[i].scores.micro.f1, whole.epochs[i].scores.micro.f1);
      EXPECT_EQ(run.epochs[i].best, whole.epochs[i].best);
    }
  }
};

TEST_F(TrainingStateTest, GoesOnToTheSameBytes) {
  const Whole whole = RunWhole();
  RunUntil(4);
  ASSERT_TRUE(std::filesystem::exists(state()));
  ASSERT_TRUE(Run().ok());
  EXPECT_TRUE(Weights() == whole.weights);
  EXPECT_EQ(ReadFile(checkpoint() / "fintag.json"), whole.record);
  ExpectSameEpochs(observer_, whole.observer);
  // Only what was left was trained.
  ASSERT_EQ(observer_.steps.size(), 16u);
  const TrainingProgress& first = observer_.steps.front();
  const TrainingProgress& same = whole.observer.steps[24];
  EXPECT_EQ(first.step, 25);
  EXPECT_EQ(first.epoch, 4);
  EXPECT_EQ(first.loss, same.loss);
  EXPECT_EQ(first.learning_rate, same.learning_rate);
  EXPECT_EQ(first.tokens, same.tokens);
  EXPECT_EQ(first.epoch_fraction, same.epoch_fraction);
}

TEST_F(TrainingStateTest, KilledBeforeItToldOfItsEndItTrainsNothingAgain) {
  ASSERT_TRUE(Run().ok());
  const std::string weights = Weights();
  const RecordingObserver first = observer_;
  ASSERT_TRUE(Run().ok());
  EXPECT_TRUE(observer_.steps.empty());
  EXPECT_TRUE(Weights() == weights);
  ExpectSameEpochs(observer_, first);
}

TEST_F(TrainingStateTest, GoesOnMoreThanOnce) {
  const Whole whole = RunWhole();
  for (const int32_t epoch : {2, 3, 5}) RunUntil(epoch);
  ASSERT_TRUE(Run().ok());
  EXPECT_TRUE(Weights() == whole.weights);
  ExpectSameEpochs(observer_, whole.observer);
}

TEST_F(TrainingStateTest, TheBestSoFarIsRemembered) {
  // A rate so high that later epochs are worse.
  options_.keep = KeepCheckpoint::kBest;
  options_.learning_rate = 0.05;
  options_.schedule = Schedule::kConstant;
  options_.dropout = std::nullopt;
  options_.epochs = 6;
  const Whole whole = RunWhole();
  RunUntil(6);
  ASSERT_TRUE(Run().ok());
  EXPECT_TRUE(Weights() == whole.weights);
  ExpectSameEpochs(observer_, whole.observer);
}

TEST_F(TrainingStateTest, OfAnotherRunIsRefused) {
  RunUntil(3);
  options_.learning_rate *= 2;
  const absl::StatusOr<TrainingResult> result = Run();
  EXPECT_EQ(result.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("another base, corpus or options"));
  options_.learning_rate /= 2;
  options_.threads = 2;
  EXPECT_TRUE(Run().ok()) << "threads may differ";
}

TEST_F(TrainingStateTest, DamagedIsDataLoss) {
  RunUntil(3);
  const std::string json = ReadFile(state() / "state.json");
  WriteFile(state() / "state.json", std::regex_replace(json, std::regex("\"format\":1"), "\"format\":2"));
  EXPECT_THAT(std::string(Run().status().message()), HasSubstr("format 2 is not known"));
  WriteFile(state() / "state.json", json);
  for (const char* name : {"state.json", "state.safetensors"}) {
    const std::string whole = ReadFile(state() / name);
    WriteFile(state() / name, whole.substr(0, whole.size() / 2));
    const absl::StatusOr<TrainingResult> result = Run();
    EXPECT_EQ(result.status().code(), absl::StatusCode::kDataLoss) << result.status();
    EXPECT_THAT(std::string(result.status().message()), HasSubstr(name));
    WriteFile(state() / name, whole);
  }
  EXPECT_TRUE(Run().ok());
}

// Rank 0's folder is enough.
TEST_F(TrainingStateTest, RanksGoOnTogether) {
  Input();
  const auto run = [this](int32_t stop_epoch) {
    RunRanks(
        2,
        [&](RankGroup& group) {
          RecordingObserver observer;
          TrainingInput input = input_;
          if (group.place().rank == 1) input.state = folder_.path() / "elsewhere";
          if (group.place().rank == 0) {
            observer.on_step = [&](const TrainingProgress& progress) { stop_ = progress.epoch == stop_epoch; };
          }
          const absl::StatusOr<TrainingResult> result = Train(input, options_, observer, stop_, &group);
          ASSERT_TRUE(result.ok()) << result.status();
          EXPECT_EQ(result->cancelled, stop_epoch > 0);
        },
        &stop_);
    stop_ = false;
  };
  run(0);
  const std::string weights = Weights();
  RemoveTrainingState(state());
  run(4);
  EXPECT_TRUE(std::filesystem::exists(state()));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "elsewhere"));
  run(0);
  EXPECT_TRUE(Weights() == weights);
}

// Both optimisers go on bit for bit, with rows in an order of their own.
TEST(OptimizerState, GoesOnBitForBit) {
  const auto parameters = [] {
    at::manual_seed(3);
    return std::vector<std::pair<std::string, at::Tensor>>{{"words", at::rand({12, 4}).requires_grad_()},
                                                           {"dense.weight", at::rand({5, 3}).requires_grad_()},
                                                           {"dense.bias", at::rand({3}).requires_grad_()}};
  };
  const auto give = [](const auto& of, int step) {
    const at::Tensor rows = at::tensor({(7 * step) % 12, (5 * step + 3) % 12}, at::kLong).unsqueeze(0);
    of[0].second.mutable_grad() = at::sparse_coo_tensor(rows, at::full({2, 4}, 0.1 * step + 0.1), {12, 4});
    of[1].second.mutable_grad() = at::full({5, 3}, 0.3 - 0.1 * step);
    of[2].second.mutable_grad() = at::full({3}, 0.2);
  };
  TrainingOptions options;
  options.weight_decay = 0.1;
  for (const auto& make : {&MakeCpuOptimizer, &MakeFusedOptimizer}) {
    const auto whole = parameters();
    const auto optimizer = make(whole, options);
    const auto resumed = parameters();
    for (int step = 0; step < 3; ++step) give(whole, step), optimizer->Step(0.01);
    const auto second = make(resumed, options);
    for (size_t i = 0; i < whole.size(); ++i) resumed[i].second.detach().copy_(whole[i].second.detach());
    second->Restore(optimizer->State());
    for (int step = 3; step < 6; ++step) {
      give(whole, step), optimizer->Step(0.01);
      give(resumed, step), second->Step(0.01);
    }
    for (size_t i = 0; i < whole.size(); ++i) EXPECT_TRUE(whole[i].second.equal(resumed[i].second)) << whole[i].first;
  }
}

}  // namespace
}  // namespace fintag
