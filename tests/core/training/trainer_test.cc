#include "core/training/trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/model/checkpoint_folder.h"
#include "core/model/mixed_linear.h"
#include "core/model/precision.h"
#include "core/tagging/tagger.h"
#include "core/training/scores.h"
#include "core/version.h"
#include "tests/core/training/training_fixture.h"

namespace fintag {
namespace {

using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<double> Losses(const RecordingObserver& observer) {
  std::vector<double> losses;
  for (const TrainingProgress& step : observer.steps) losses.push_back(step.loss);
  return losses;
}

nlohmann::json Record(const std::filesystem::path& checkpoint) {
  return nlohmann::json::parse(ReadFile(checkpoint / "fintag.json"));
}

std::vector<TagSequence> TagsOf(const Corpus& corpus) {
  std::vector<TagSequence> tags;
  for (const Sentence& sentence : corpus.sentences) tags.push_back(sentence.tags);
  return tags;
}

// What the tagger in `folder` makes of the words of `corpus`.
std::vector<TagSequence> TagBy(const std::filesystem::path& folder, const Corpus& corpus) {
  const auto tagger = Tagger::Load(folder, {.device = "cpu"});
  EXPECT_TRUE(tagger.ok()) << tagger.status();
  std::vector<TagSequence> tags;
  for (const Sentence& sentence : corpus.sentences) {
    EncodedSentence encoded = (*tagger)->EncodeWords(sentence.words).value();
    std::vector<WindowRef> windows;
    for (size_t i = 0; i < encoded.windows.size(); ++i) windows.push_back({&encoded, static_cast<int32_t>(i)});
    EXPECT_TRUE((*tagger)->Forward(windows).ok());
    tags.emplace_back();
    for (const TaggedWord& word : (*tagger)->Decode(encoded, Decoding::kArgMax).words) tags.back().push_back(word.tag);
  }
  return tags;
}

// Factors of 16 bits: near the losses of float32 and not equal to them. The scores are those of the float32 weights.

TEST_F(TrainingTest, LearnsInMixedPrecision) {
  options_.epochs = 40;
  options_.dropout = 0;
  options_.precision = "bf16";
  options_.seed = 1;
  const absl::StatusOr<TrainingResult> result = Run();
  if (!HasMixedLinear()) {
    EXPECT_EQ(result.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(result.status().message()), HasSubstr("precision bf16"));
    return;
  }
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_GT(result->epochs.back().scores.micro.f1, 0.8);  // as in fp32, two seeds of 42 do not get there
  EXPECT_EQ(Record(checkpoint())["options"]["precision"], "bf16");
  const absl::StatusOr<Checkpoint> written = ReadCheckpoint(checkpoint());
  ASSERT_TRUE(written.ok()) << written.status();
  for (const auto& [name, tensor] : written->tensors) EXPECT_EQ(tensor.scalar_type(), at::kFloat) << name;
  const std::vector<double> mixed = Losses(observer_);

  observer_ = {};
  options_.precision = "fp32";
  ASSERT_TRUE(Run().ok());
  const std::vector<double> losses = Losses(observer_);
  EXPECT_NE(mixed.front(), losses.front());
  EXPECT_NEAR(mixed.front(), losses.front(), 0.01 * losses.front());
}

TEST_F(TrainingTest, LearnsAndReports) {
  options_.epochs = 40;
  options_.dropout = 0;
  const absl::StatusOr<TrainingResult> result = Run();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_FALSE(result->cancelled);
  ASSERT_EQ(result->epochs.size(), 40u);
  EXPECT_LT(result->epochs.back().train_loss, 0.5 * result->epochs.front().train_loss);
  EXPECT_LT(result->epochs.back().validation_loss, 0.5 * result->epochs.front().validation_loss);
  EXPECT_GT(result->epochs.back().scores.micro.f1, 0.8);  // as in fp32, two seeds of 42 do not get there
  EXPECT_EQ(result->epochs.back().scores.micro.support, observer_.start.word_lookup.micro.support);

  EXPECT_EQ(observer_.start.device, "cpu");
  EXPECT_EQ(observer_.start.threads, 1);
  EXPECT_EQ(observer_.start.train_sentences, 60);
  EXPECT_EQ(observer_.start.validation_sentences, 20);
  EXPECT_EQ(observer_.start.total_steps, 320);
  EXPECT_THAT(observer_.start.tags, ElementsAre("O", "B-LOC", "I-LOC", "B-ORG", "I-ORG"));
  EXPECT_GT(observer_.start.parameters, 0);
  ASSERT_EQ(observer_.steps.size(), 320u);
  for (size_t i = 0; i < observer_.steps.size(); ++i) {
    const TrainingProgress& step = observer_.steps[i];
    EXPECT_EQ(step.step, static_cast<int64_t>(i) + 1);
    EXPECT_EQ(step.epoch, static_cast<int>(i) / 8 + 1);
    EXPECT_EQ(step.total_steps, 320);
    EXPECT_DOUBLE_EQ(step.learning_rate, 2e-2 * (320.0 - static_cast<double>(i)) / 320.0);
    EXPECT_GT(step.tokens_per_second, 0);
    EXPECT_EQ(step.epoch_fraction == 1, i % 8 == 7) << step.epoch_fraction;
    EXPECT_GE(step.seconds_left, 0);
  }
  EXPECT_EQ(observer_.steps.back().tokens, 40 * observer_.start.train_tokens);
}

TEST_F(TrainingTest, SameSeedWritesTheSameBytes) {
  ASSERT_TRUE(Run().ok());
  const std::string weights = Weights();
  const std::string record = ReadFile(checkpoint() / "fintag.json");
  ASSERT_TRUE(Run().ok());
  EXPECT_TRUE(Weights() == weights);
  EXPECT_EQ(ReadFile(checkpoint() / "fintag.json"), record);
  options_.seed = 43;
  ASSERT_TRUE(Run().ok());
  EXPECT_FALSE(Weights() == weights);
}

TEST_F(TrainingTest, SameSeedWritesTheSameBytesOnTwoThreads) {
  options_.threads = 2;
  ASSERT_TRUE(Run().ok());
  const std::string weights = Weights();
  ASSERT_TRUE(Run().ok());
  EXPECT_TRUE(Weights() == weights);
}

TEST_F(TrainingTest, CheckpointIsAWorkingTagger) {
  options_.epochs = 12;
  const absl::StatusOr<TrainingResult> result = Run();
  ASSERT_TRUE(result.ok()) << result.status();
  const std::vector<TagSequence> predicted = TagBy(checkpoint(), validation_);
  EXPECT_EQ(ScoreTags(TagsOf(validation_), predicted).micro.f1, result->epochs[result->kept_epoch - 1].scores.micro.f1);
}

TEST_F(TrainingTest, KeepsTheBestEpochOrTheLast) {
  // A rate so high that later epochs are worse.
  options_.epochs = 6;
  options_.learning_rate = 0.05;
  options_.schedule = Schedule::kConstant;
  const absl::StatusOr<TrainingResult> best = Run();
  ASSERT_TRUE(best.ok()) << best.status();
  EXPECT_EQ(best->kept_epoch, best->best_epoch);
  const auto highest =
      std::max_element(best->epochs.begin(), best->epochs.end(), [](const EpochResult& a, const EpochResult& b) {
        return std::pair(a.scores.micro.f1, -a.validation_loss) < std::pair(b.scores.micro.f1, -b.validation_loss);
      });
  EXPECT_EQ(best->best_epoch, highest->epoch);
  ASSERT_NE(best->best_epoch, 6) << "the test needs a run that gets worse";
  EXPECT_EQ(Record(checkpoint())["kept_epoch"], best->best_epoch);
  // What the kept weights score in each precision, for those who tag with them.
  EXPECT_EQ(best->precision_f1.at("fp32"), best->epochs[best->best_epoch - 1].scores.micro.f1);
  EXPECT_NEAR(best->precision_f1.at(std::string(ScoreName(Precision::kInt8))), best->precision_f1.at("fp32"), 0.1);
  EXPECT_EQ(Record(checkpoint())["precision_f1"], best->precision_f1);
  EXPECT_EQ(Record(checkpoint())["epochs"].size(), 6u) << "the record names epochs behind the kept one too";
  const std::string best_weights = Weights();

  options_.keep = KeepCheckpoint::kLast;
  const absl::StatusOr<TrainingResult> last = Run();
  ASSERT_TRUE(last.ok()) << last.status();
  EXPECT_EQ(last->best_epoch, best->best_epoch);
  EXPECT_EQ(last->kept_epoch, 6);
  EXPECT_EQ(Record(checkpoint())["kept_epoch"], 6);
  EXPECT_FALSE(Weights() == best_weights);
}

// Without entities to find F1 is 0 in each; the first epoch, which knows the least, must not be kept for that.

TEST_F(TrainingTest, OfEpochsWithTheSameF1TheOneOfTheLowestLossIsTheBest) {
  validation_.labels.clear();
  for (Sentence& sentence : validation_.sentences) {
    sentence.words.assign(sentence.words.size(), "shall");
    sentence.tags.assign(sentence.words.size(), "O");
  }
  options_.epochs = 4;
  options_.learning_rate = 1e-3;
  options_.dropout = 0;
  const absl::StatusOr<TrainingResult> result = Run();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(observer_.start.notes, Contains(HasSubstr("validation part has no entities")));
  const auto lowest = std::min_element(
      result->epochs.begin(), result->epochs.end(),
      [](const EpochResult& a, const EpochResult& b) { return a.validation_loss < b.validation_loss; });
  EXPECT_EQ(result->epochs.back().scores.micro.f1, 0);
  EXPECT_EQ(result->best_epoch, lowest->epoch);
  EXPECT_EQ(result->kept_epoch, lowest->epoch);
  EXPECT_GT(lowest->epoch, 1);
}

TEST_F(TrainingTest, ScoresEntitiesThatTrainingNeverSaw) {
  ASSERT_TRUE(Run().ok());
  for (const EpochResult& epoch : observer_.epochs) EXPECT_EQ(epoch.unseen.support, 0);
  validation_.sentences[3].words[0] = "carthage";
  validation_.sentences[3].tags[0] = "B-LOC";
  ASSERT_TRUE(Run().ok());
  for (const EpochResult& epoch : observer_.epochs) EXPECT_EQ(epoch.unseen.support, 1);
}

// Said before anything is trained.

TEST_F(TrainingTest, RecordsWhereTheWeightsComeFrom) {
  input_.validation_sha256 = "beef";
  input_.base_sha256 = "cafe";
  options_.dropout = 0.2;
  ASSERT_TRUE(Run().ok());
  const nlohmann::json record = Record(checkpoint());
  EXPECT_EQ(record["version"], kVersion);
  EXPECT_EQ(record["dataset"]["train_sha256"], "feed");
  EXPECT_EQ(record["dataset"]["validation_sha256"], "beef");
  EXPECT_EQ(record["base"]["sha256"], "cafe");
  EXPECT_EQ(record["seed"], 42);
  EXPECT_EQ(record["device"], "cpu");
  EXPECT_EQ(record["threads"], 1);
  EXPECT_EQ(record["options"]["dropout"], 0.2);
  EXPECT_EQ(record["options"].size(), 21u);
  EXPECT_EQ(record["epochs"][1]["scores"]["micro"]["f1"], observer_.epochs[1].scores.micro.f1);
  EXPECT_EQ(record["baseline"]["micro"]["f1"], observer_.start.word_lookup.micro.f1);
}

TEST_F(TrainingTest, AccumulationEqualsALargerBatch) {
  options_.dropout = 0;
  options_.batch_sentences = 12;
  ASSERT_TRUE(Run().ok());
  const std::vector<double> whole = Losses(observer_);
  options_.batch_sentences = 3;
  options_.gradient_accumulation = 4;
  ASSERT_TRUE(Run().ok());
  const std::vector<double> parts = Losses(observer_);
  ASSERT_EQ(whole.size(), parts.size());
  for (size_t i = 0; i < whole.size(); ++i) EXPECT_NEAR(whole[i], parts[i], 1e-4) << i;
}

TEST_F(TrainingTest, BatchesByTokensCountTheirSteps) {
  options_.batch_tokens = 48;
  options_.epochs = 3;
  const absl::StatusOr<TrainingResult> result = Run();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(std::ssize(observer_.steps), observer_.start.total_steps);
  EXPECT_EQ(observer_.steps.back().total_steps, observer_.start.total_steps);
}

TEST_F(TrainingTest, LongSentencesTrainAndScoreEveryWord) {
  train_ = LearnableCorpus(20, 3, /*longest=*/90);  // the base has 24 positions
  validation_ = LearnableCorpus(10, 4, /*longest=*/90);
  options_.epochs = 40;
  options_.dropout = 0;
  options_.batch_sentences = 2;
  const absl::StatusOr<TrainingResult> result = Run();
  ASSERT_TRUE(result.ok()) << result.status();
  int64_t words = 0;
  for (const Sentence& sentence : validation_.sentences) words += std::ssize(sentence.words);
  EXPECT_EQ(result->epochs[0].scores.words, words);
  EXPECT_GT(result->epochs.back().scores.micro.f1, 0.8);
  EXPECT_THAT(observer_.start.notes, Contains(HasSubstr("24 positions")));
}

// As long as the longest sentence of FIN, with the positions of BERT.

TEST_F(TrainingTest, EveryWordOfASentenceLongerThanBertIsScored) {
  WriteTinyCheckpoint(folder_.path() / "512", {.max_positions = 512, .classifier = false});
  input_.base = folder_.path() / "512";
  Sentence long_one;
  for (const Sentence& sentence : LearnableCorpus(200, 5).sentences) {
    long_one.words.insert(long_one.words.end(), sentence.words.begin(), sentence.words.end());
    long_one.tags.insert(long_one.tags.end(), sentence.tags.begin(), sentence.tags.end());
  }
  long_one.words.resize(641);
  long_one.tags.resize(641);
  validation_.sentences = {long_one};
  options_.epochs = 40;
  options_.dropout = 0;
  const absl::StatusOr<TrainingResult> result = Run();
  ASSERT_TRUE(result.ok()) << result.status();
  const std::vector<TagSequence> predicted = TagBy(checkpoint(), validation_);
  EXPECT_TRUE(std::any_of(predicted[0].begin() + 512, predicted[0].end(), [](const auto& tag) { return tag != "O"; }));
  const Scores expected = ScoreTags(TagsOf(validation_), predicted);
  const Scores& scores = result->epochs[result->kept_epoch - 1].scores;
  EXPECT_EQ(scores.words, 641);
  EXPECT_EQ(scores.accuracy, expected.accuracy);
  EXPECT_EQ(scores.micro.f1, expected.micro.f1);
}

TEST_F(TrainingTest, SplitsOffAValidationPart) {
  validation_ = Corpus();
  options_.validation_fraction = 0.25;
  const absl::StatusOr<TrainingResult> result = Run();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(observer_.start.train_sentences, 45);
  EXPECT_EQ(observer_.start.validation_sentences, 15);
  EXPECT_THAT(observer_.start.notes, Contains(HasSubstr("split off")));
}

TEST_F(TrainingTest, SplitsNoDocument) {
  validation_ = Corpus();
  train_.documents = 12;
  for (size_t i = 0; i < 60; ++i) train_.sentences[i].document = static_cast<int32_t>(i / 5);
  options_.validation_fraction = 0.12;  // 7 sentences
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(observer_.start.train_sentences, 55);
  EXPECT_EQ(observer_.start.validation_sentences, 5);
}

TEST_F(TrainingTest, LabelOfTheValidationPartAloneIsANote) {
  validation_.labels = {"LOC", "MISC", "ORG"};
  validation_.sentences[0].tags[0] = "B-MISC";
  const absl::StatusOr<TrainingResult> result = Run();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(observer_.start.notes, Contains(HasSubstr("MISC")));
  const auto& labels = result->epochs[0].scores.labels;
  const auto misc = std::find_if(labels.begin(), labels.end(), [](const auto& l) { return l.label == "MISC"; });
  ASSERT_NE(misc, labels.end());
  EXPECT_EQ(misc->support, 1);
  EXPECT_EQ(misc->recall, 0);
  EXPECT_TRUE(std::isfinite(result->epochs[0].validation_loss));
}

TEST_F(TrainingTest, CacheLeavesNothingInTheFolder) {
  observer_ = RecordingObserver();
  observer_.on_step = [this](const TrainingProgress&) {
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      EXPECT_THAT(entry.path().filename().string(), AnyOf("base", "train.jsonl", "validation.jsonl", "checkpoint"));
    }
  };
  EXPECT_TRUE(Train(Input(), options_, observer_, stop_).ok());
}

// Positions behind the end of the training sentences have no gradient, so the only step makes them 0 / 0 and the loss

// of that step knows nothing of it.

}  // namespace
}  // namespace fintag
