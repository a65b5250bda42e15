#include "core/training/confusion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "core/training/scores.h"
#include "core/training/training_json.h"
#include "tests/core/training/golden_taggings.h"

namespace fintag {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::Pair;

std::vector<json> Lines(const std::string& name) {
  std::ifstream file(std::string(FINTAG_TEST_DATA "/golden/") + name);
  std::vector<json> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(json::parse(line));
  return lines;
}

TEST(LabelOfTag, TakesThePrefixAway) {
  EXPECT_EQ(LabelOfTag("B-ORG"), "ORG");
  EXPECT_EQ(LabelOfTag("U-CREDIT-LINE"), "CREDIT-LINE");
  EXPECT_EQ(LabelOfTag("O"), "O");
  EXPECT_EQ(LabelOfTag("PER"), "PER");
  EXPECT_EQ(LabelOfTag("B-"), "B-");
}

TEST(CountConfusion, CountsWordsByLabel) {
  const std::vector<TagSequence> gold = {{"B-ORG", "I-ORG", "O"}, {"B-LOC", "O"}};
  const std::vector<TagSequence> predicted = {{"B-ORG", "B-ORG", "B-PER"}, {"O", "O"}};
  EXPECT_THAT(CountConfusion(gold, predicted),
              ElementsAre(Pair("LOC", ElementsAre(Pair("O", 1))), Pair("O", ElementsAre(Pair("O", 1), Pair("PER", 1))),
                          Pair("ORG", ElementsAre(Pair("ORG", 2)))));
}

TEST(CountConfusion, EqualsScikitLearnOnRandomTaggings) {
  const std::vector<json> taggings = Lines("seqeval.jsonl");
  const std::vector<json> goldens = Lines("confusion.jsonl");
  EXPECT_EQ(goldens.size(), 400);
  for (const json& golden : goldens) {
    SCOPED_TRACE(golden.dump());
    const json& tagging = taggings.at(golden["case"].get<size_t>());
    const Confusion confusion = CountConfusion(Tagging(tagging["gold"]), Tagging(tagging["predicted"]));
    Confusion expected;
    const auto labels = golden["labels"].get<std::vector<std::string>>();
    for (size_t row = 0; row < labels.size(); ++row) {
      for (size_t column = 0; column < labels.size(); ++column) {
        const auto words = golden["matrix"][row][column].get<int64_t>();
        if (words > 0) expected[labels[row]][labels[column]] = words;
      }
    }
    ASSERT_EQ(confusion, expected);
  }
}

TEST(CountConfusion, AgreesWithTheScores) {
  for (const json& tagging : Lines("seqeval.jsonl")) {
    SCOPED_TRACE(tagging.dump());
    const std::vector<TagSequence> gold = Tagging(tagging["gold"]);
    const Scores scores = ScoreTags(gold, Tagging(tagging["predicted"]));
    std::map<std::string, int64_t> gold_words;
    for (const TagSequence& tags : gold) {
      for (const std::string& tag : tags) ++gold_words[std::string(LabelOfTag(tag))];
    }
    int64_t words = 0;
    int64_t diagonal = 0;
    for (const auto& [label, predicted] : scores.confusion) {
      int64_t row = 0;
      for (const auto& [other, count] : predicted) {
        row += count;
        if (other == label) diagonal += count;
      }
      ASSERT_EQ(row, gold_words[label]) << label;
      words += row;
    }
    ASSERT_EQ(scores.confusion.size(), gold_words.size());
    ASSERT_EQ(words, scores.words);
    // A word with the right label may have the wrong prefix, and never the other way round.
    ASSERT_GE(static_cast<double>(diagonal), scores.accuracy * static_cast<double>(words) - 1e-6);
  }
}

TEST(ScoresJson, KeepsTheConfusionAndDoesWithoutIt) {
  const std::vector<TagSequence> gold = {{"B-ORG", "O", "B-LOC"}};
  const std::vector<TagSequence> predicted = {{"B-ORG", "B-LOC", "O"}};
  const Scores scores = ScoreTags(gold, predicted);
  json object = ToJson(scores);
  EXPECT_EQ(ScoresFromJson(json::parse(object.dump())).confusion, scores.confusion);
  object.erase("confusion");  // as logs and records of before had it
  EXPECT_TRUE(ScoresFromJson(object).confusion.empty());
  EXPECT_EQ(ScoresFromJson(object).words, 3);
}

}  // namespace
}  // namespace fintag
