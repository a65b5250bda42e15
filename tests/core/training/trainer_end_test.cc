// Training that ends before its time: refused, stopped, or diverged.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/training/trainer.h"
#include "tests/core/training/training_fixture.h"

namespace fintag {
namespace {

using ::testing::HasSubstr;

TEST_F(TrainingTest, ReplacesNoFolderThatHoldsOtherFiles) {
  std::filesystem::create_directory(checkpoint());
  WriteFile(checkpoint() / "README.md", "notes");
  EXPECT_EQ(Run().status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(observer_.steps.empty());
  EXPECT_EQ(ReadFile(checkpoint() / "README.md"), "notes");

  // A trainer that was killed while it replaced its record is started again.
  std::filesystem::remove(checkpoint() / "README.md");
  WriteFile(checkpoint() / "fintag.json.tmp", "{");
  EXPECT_TRUE(Run().ok());
  EXPECT_FALSE(std::filesystem::exists(checkpoint() / "fintag.json.tmp"));
}

TEST_F(TrainingTest, StopKeepsTheLastEpoch) {
  options_.epochs = 50;
  observer_ = RecordingObserver();
  observer_.on_step = [this](const TrainingProgress& progress) { stop_ = progress.epoch == 3; };
  const absl::StatusOr<TrainingResult> result = Train(Input(), options_, observer_, stop_);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->cancelled);
  EXPECT_EQ(result->epochs.size(), 2u);
  EXPECT_GE(result->kept_epoch, 1);
  EXPECT_EQ(observer_.steps.back().epoch, 3);
  EXPECT_EQ(observer_.steps.size(), 17u) << "no step more than the one that was running";
  EXPECT_EQ(nlohmann::json::parse(ReadFile(checkpoint() / "fintag.json"))["cancelled"], true);
}

TEST_F(TrainingTest, StopBeforeAnEpochEndsWritesNothing) {
  stop_ = true;
  const absl::StatusOr<TrainingResult> result = Run();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->cancelled);
  EXPECT_EQ(result->kept_epoch, 0);
  EXPECT_FALSE(std::filesystem::exists(checkpoint()));
}

TEST_F(TrainingTest, StopIsSeenDuringTheEvaluation) {
  // The last step of the first epoch is over when the flag goes up: only the evaluation can see it.
  observer_ = RecordingObserver();
  observer_.on_step = [this](const TrainingProgress& progress) { stop_ = progress.epoch_fraction == 1; };
  const absl::StatusOr<TrainingResult> result = Train(Input(), options_, observer_, stop_);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->cancelled);
  EXPECT_TRUE(result->epochs.empty());
}

TEST_F(TrainingTest, CorpusThatChangedIsAStatus) {
  const TrainingInput& input = Input();
  WriteFile(input.train.path, WriteJsonLines(LearnableCorpus(61, 1)));
  const absl::Status status = Train(input, options_, observer_, stop_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("train.jsonl was changed"));
}

TEST_F(TrainingTest, BadInputIsAStatus) {
  options_.epochs = 0;
  options_.learning_rate = -1;
  absl::Status status = Run().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("epochs must be"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("learning_rate must be"));

  options_ = {.epochs = 1, .device = "cpu", .threads = 1};
  const Corpus good = train_;
  for (Sentence& sentence : train_.sentences) sentence.tags.assign(sentence.words.size(), "O");
  train_.labels.clear();
  status = Run().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("no entities"));

  train_ = good;
  input_.base = folder_.path() / "nowhere";
  EXPECT_EQ(Run().status().code(), absl::StatusCode::kNotFound);

  WriteTinyCheckpoint(folder_.path() / "short", {.classifier = false, .missing_vocabulary_rows = 2});
  input_.base = folder_.path() / "short";
  status = Run().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("vocab_size"));
}

TEST_F(TrainingTest, DivergenceSaysWhatToDo) {
  options_.learning_rate = 1;
  options_.epochs = 1000;
  options_.schedule = Schedule::kConstant;
  options_.max_gradient_norm = 0;
  options_.adam_beta2 = 0;
  options_.adam_epsilon = 1e-300;  // zero as float32: the update divides 0 by 0
  const absl::Status status = Run().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("learning_rate"));
}

TEST_F(TrainingTest, DivergenceInTheLastStepWritesNothing) {
  train_ = LearnableCorpus(60, 1, /*longest=*/5);
  options_.epochs = 1;
  options_.batch_sentences = 60;
  options_.adam_beta2 = 0;
  options_.adam_epsilon = 1e-300;  // zero as float32
  const absl::Status status = Run().status();
  EXPECT_EQ(observer_.steps.size(), 1u);
  EXPECT_TRUE(std::isfinite(observer_.steps[0].loss));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("no longer finite at step 1"));
  EXPECT_TRUE(observer_.epochs.empty());
  EXPECT_FALSE(std::filesystem::exists(checkpoint()));
}

}  // namespace
}  // namespace fintag
