#include "core/training/scores.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/core/training/golden_taggings.h"

namespace fintag {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::IsEmpty;

// [precision, recall, F1, support], written with twelve digits.
void ExpectRow(const EntityScores& scores, const json& row) {
  EXPECT_NEAR(scores.precision, row[0].get<double>(), 1e-11);
  EXPECT_NEAR(scores.recall, row[1].get<double>(), 1e-11);
  EXPECT_NEAR(scores.f1, row[2].get<double>(), 1e-11);
  EXPECT_EQ(scores.support, row[3].get<int64_t>());
}

TEST(ScoreTags, EqualsSeqevalOnRandomTaggings) {
  std::ifstream file(FINTAG_TEST_DATA "/golden/seqeval.jsonl");
  int cases = 0;
  for (std::string line; std::getline(file, line); ++cases) {
    SCOPED_TRACE(line);
    const json golden = json::parse(line);
    const std::vector<TagSequence> gold = Tagging(golden["gold"]);
    const std::vector<TagSequence> predicted = Tagging(golden["predicted"]);
    const Scores scores = ScoreTags(gold, predicted);
    EXPECT_NEAR(scores.accuracy, golden["accuracy"].get<double>(), 1e-11);
    ExpectRow(scores.micro, golden["micro"]);
    ExpectRow(scores.macro, golden["macro"]);
    ASSERT_EQ(scores.labels.size(), golden["labels"].size());
    int64_t words = 0;
    for (const TagSequence& tags : gold) words += static_cast<int64_t>(tags.size());
    EXPECT_EQ(scores.words, words);
    EntityScores sum;
    for (const EntityScores& label : scores.labels) {
      ASSERT_TRUE(golden["labels"].contains(label.label));
      ExpectRow(label, golden["labels"][label.label]);
      sum.predicted += label.predicted;
      sum.correct += label.correct;
    }
    EXPECT_EQ(sum.predicted, scores.micro.predicted);
    EXPECT_EQ(sum.correct, scores.micro.correct);
    EXPECT_EQ(sum.predicted, scores.macro.predicted);
    if (HasFailure()) break;
  }
  EXPECT_EQ(cases, 2000);
}

TEST(ScoreTags, OrdersLabels) {
  const std::vector<TagSequence> gold = {{"B-ORG", "B-LOC", "O"}};
  const std::vector<TagSequence> predicted = {{"B-PER", "B-LOC", "O"}};
  const Scores scores = ScoreTags(gold, predicted);
  ASSERT_EQ(scores.labels.size(), 3);
  EXPECT_EQ(scores.labels[0].label, "LOC");
  EXPECT_EQ(scores.labels[0].correct, 1);
  EXPECT_EQ(scores.labels[1].label, "ORG");
  EXPECT_EQ(scores.labels[1].support, 1);
  EXPECT_EQ(scores.labels[2].label, "PER");
  EXPECT_EQ(scores.labels[2].predicted, 1);
  EXPECT_DOUBLE_EQ(scores.micro.f1, 0.5);
  EXPECT_DOUBLE_EQ(scores.macro.f1, 1.0 / 3);
  EXPECT_DOUBLE_EQ(scores.accuracy, 2.0 / 3);
}

TEST(ScoreTags, IsZeroWithoutEntities) {
  const std::vector<TagSequence> outside = {{"O", "O"}};
  const Scores scores = ScoreTags(outside, outside);
  EXPECT_EQ(scores.micro.f1, 0);
  EXPECT_EQ(scores.macro.f1, 0);
  EXPECT_EQ(scores.accuracy, 1);
  EXPECT_THAT(scores.labels, IsEmpty());
  EXPECT_EQ(ScoreTags({}, {}).accuracy, 0);
}

TEST(SeqevalEntities, FindsWhatGetEntitiesFinds) {
  EXPECT_THAT(SeqevalEntities(TagSequence{"B-PER", "I-PER", "O", "B-LOC"}),
              ElementsAre(Span{0, 2, "PER"}, Span{3, 4, "LOC"}));
  EXPECT_THAT(SeqevalEntities(TagSequence{"I-PER", "I-LOC", "I-LOC"}),
              ElementsAre(Span{0, 1, "PER"}, Span{1, 3, "LOC"}));
  EXPECT_THAT(SeqevalEntities(TagSequence{"B", "I", "O"}), ElementsAre(Span{0, 2, "_"}));
  EXPECT_THAT(SeqevalEntities(TagSequence{"U-PER", "U-PER"}), ElementsAre(Span{0, 2, "PER"}));
  EXPECT_THAT(SeqevalEntities(TagSequence{"", "\xC3", "\xF0"}), testing::SizeIs(testing::Le(3)));
  EXPECT_THAT(SeqevalEntities(TagSequence{}), IsEmpty());
}

}  // namespace
}  // namespace fintag
