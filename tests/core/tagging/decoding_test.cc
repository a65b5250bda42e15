#include "core/tagging/decoding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <ostream>
#include <random>

#include "tests/core/text/random_spans.h"

namespace fintag {

void PrintTo(const Span& span, std::ostream* out) { *out << span.label << "[" << span.begin << "," << span.end << ")"; }

namespace {

using ::testing::IsEmpty;

const std::vector<std::string> kTags = {"O", "B-LOC", "I-LOC", "B-ORG", "I-ORG"};

std::vector<float> RandomLogits(std::mt19937& random, size_t count, float deviation) {
  std::normal_distribution<float> normal(0, deviation);
  std::vector<float> logits(count);
  for (float& logit : logits) logit = normal(random);
  return logits;
}

// Softmax of one row, in double.
std::vector<double> Softmax(const float* row, size_t tags) {
  std::vector<double> probabilities(row, row + tags);
  double sum = 0;
  for (double& value : probabilities) sum += value = std::exp(value);
  for (double& value : probabilities) value /= sum;
  return probabilities;
}

// By the rule of the corpus readers.
bool IsLegal(const std::vector<size_t>& sequence, const std::vector<std::string>& tags,
             TagScheme scheme = TagScheme::kIob2) {
  ParsedTag before;
  for (size_t tag : sequence) {
    const ParsedTag parsed = *ParseTag(tags[tag]);
    if (!IsLegalPair(scheme, before, parsed)) return false;
    before = parsed;
  }
  return IsLegalPair(scheme, before, {});
}

// Steps `sequence` through all sequences of its length; false after the last.
bool NextSequence(std::vector<size_t>& sequence, size_t tags) {
  for (size_t& tag : sequence) {
    if (++tag < tags) return true;
    tag = 0;
  }
  return false;
}

double LogProbability(const std::vector<size_t>& sequence, const std::vector<float>& logits, size_t tags) {
  double sum = 0;
  for (size_t word = 0; word < sequence.size(); ++word) {
    sum += std::log(Softmax(&logits[word * tags], tags)[sequence[word]]);
  }
  return sum;
}

std::vector<size_t> TagsOf(const std::vector<WordTag>& decoded) {
  std::vector<size_t> tags;
  for (const WordTag& word : decoded) tags.push_back(word.tag);
  return tags;
}

TEST(DecodeTags, GivesNothingForNoWords) {
  EXPECT_THAT(DecodeTags({}, kTags, Decoding::kArgMax), IsEmpty());
  EXPECT_THAT(DecodeTags({}, kTags, Decoding::kConstrained), IsEmpty());
}

TEST(DecodeTags, ArgMaxIsTheMostProbableTagOfEachWord) {
  std::mt19937 random(1);
  const std::vector<float> logits = RandomLogits(random, 2000 * kTags.size(), 3);
  const std::vector<WordTag> decoded = DecodeTags(logits, kTags, Decoding::kArgMax);
  ASSERT_EQ(decoded.size(), 2000u);
  for (size_t word = 0; word < decoded.size(); ++word) {
    const std::vector<double> expected = Softmax(&logits[word * kTags.size()], kTags.size());
    const auto best = std::max_element(expected.begin(), expected.end());
    EXPECT_EQ(decoded[word].tag, best - expected.begin());
    EXPECT_NEAR(decoded[word].score, *best, 1e-6);
  }
}

TEST(DecodeTags, ArgMaxTakesTheFirstOfEqualLogits) {
  const std::vector<float> logits = {1, 2, 2, 0, 2};
  EXPECT_EQ(DecodeTags(logits, kTags, Decoding::kArgMax)[0].tag, 1);
}

TEST(DecodeTags, StaysFiniteOnHugeLogits) {
  const std::vector<float> logits = {3e38f, -3e38f, 0, 1, 2};
  for (Decoding decoding : {Decoding::kArgMax, Decoding::kConstrained}) {
    const std::vector<WordTag> decoded = DecodeTags(logits, kTags, decoding);
    EXPECT_EQ(decoded[0].tag, 0);
    EXPECT_FLOAT_EQ(decoded[0].score, 1);
  }
}

TEST(DecodeTags, ConstrainedIsTheBestOfAllLegalSequences) {
  std::mt19937 random(2);
  for (int round = 0; round < 120; ++round) {
    const size_t words = 1 + round % 5;
    const std::vector<float> logits = RandomLogits(random, words * kTags.size(), round % 2 ? 1 : 4);
    std::vector<size_t> sequence(words, 0);
    double best = -std::numeric_limits<double>::infinity();
    do {
      if (IsLegal(sequence, kTags)) best = std::max(best, LogProbability(sequence, logits, kTags.size()));
    } while (NextSequence(sequence, kTags.size()));

    const std::vector<WordTag> decoded = DecodeTags(logits, kTags, Decoding::kConstrained);
    const std::vector<size_t> found = TagsOf(decoded);
    ASSERT_TRUE(IsLegal(found, kTags));
    EXPECT_NEAR(LogProbability(found, logits, kTags.size()), best, 1e-5);
    for (size_t word = 0; word < words; ++word) {
      EXPECT_NEAR(decoded[word].score, Softmax(&logits[word * kTags.size()], kTags.size())[found[word]], 1e-6);
    }
  }
}

struct ModelTags {
  TagScheme scheme;
  std::vector<std::string> tags;
};

// With O somewhere and, where the scheme allows it, without a tag that training never saw.
const std::vector<ModelTags> kModels = {
    {TagScheme::kIo, {"O", "I-X", "I-Y"}},
    {TagScheme::kIob2, {"O", "B-X", "I-X", "B-Y"}},
    {TagScheme::kIoe2, {"O", "E-X", "I-X", "E-Y"}},
    {TagScheme::kIobes, {"S-X", "B-X", "O", "I-X", "E-X", "S-Y", "B-Y", "E-Y"}},
    {TagScheme::kBilou, {"U-X", "B-X", "I-X", "L-X", "B-Y", "L-Y", "O"}},
};

class DecodeTagsOf : public testing::TestWithParam<ModelTags> {};

INSTANTIATE_TEST_SUITE_P(Decoding, DecodeTagsOf, testing::ValuesIn(kModels),
                         [](const auto& info) { return std::string(TagSchemeName(info.param.scheme)); });

TEST_P(DecodeTagsOf, TheirSchemeConstrainedIsTheBestOfAllLegalSequences) {
  const TagScheme scheme = GetParam().scheme;
  const std::vector<std::string>& tags = GetParam().tags;
  std::mt19937 random(4);
  int changed = 0;
  for (int round = 0; round < 60; ++round) {
    const size_t words = 1 + round % 4;
    const std::vector<float> logits = RandomLogits(random, words * tags.size(), round % 2 ? 1 : 4);
    std::vector<double> log_probabilities;
    for (size_t word = 0; word < words; ++word) {
      for (double p : Softmax(&logits[word * tags.size()], tags.size())) log_probabilities.push_back(std::log(p));
    }
    const auto sum_of = [&](const std::vector<size_t>& sequence) {
      double sum = 0;
      for (size_t word = 0; word < words; ++word) sum += log_probabilities[word * tags.size() + sequence[word]];
      return sum;
    };
    std::vector<size_t> sequence(words, 0), best;
    do {
      if (IsLegal(sequence, tags, scheme) && (best.empty() || sum_of(sequence) > sum_of(best))) best = sequence;
    } while (NextSequence(sequence, tags.size()));
    ASSERT_EQ(TagsOf(DecodeTags(logits, tags, Decoding::kConstrained)), best);
    changed += best != TagsOf(DecodeTags(logits, tags, Decoding::kArgMax));
  }
  EXPECT_EQ(changed > 0, scheme != TagScheme::kIo);  // in which everything is legal
}

TEST_P(DecodeTagsOf, TheirSchemeConstrainedIsLegalOverLongSentences) {
  const TagScheme scheme = GetParam().scheme;
  const std::vector<std::string>& tags = GetParam().tags;
  std::mt19937 random(5);
  const std::vector<float> logits = RandomLogits(random, 3000 * tags.size(), 3);
  EXPECT_TRUE(IsLegal(TagsOf(DecodeTags(logits, tags, Decoding::kConstrained)), tags, scheme));
}

TEST(DecodeTags, ConstrainedIsArgMaxWhereNothingIsLegal) {
  const std::vector<std::string> tags = {"B-X", "E-X"};
  EXPECT_EQ(TagsOf(DecodeTags(std::vector<float>{1, 2}, tags, Decoding::kConstrained)), (std::vector<size_t>{1}));
  EXPECT_EQ(TagsOf(DecodeTags(std::vector<float>{1, 2, 1, 2}, tags, Decoding::kConstrained)),
            (std::vector<size_t>{0, 1}));
}

TEST(DecodeTags, ConstrainedLeavesTagsOfNoSchemeFree) {
  const std::vector<std::string> tags = {"O", "PER", "B-ORG", "L-ORG", "E-ORG"};
  std::mt19937 random(6);
  const std::vector<float> logits = RandomLogits(random, 200 * tags.size(), 3);
  EXPECT_EQ(TagsOf(DecodeTags(logits, tags, Decoding::kConstrained)),
            TagsOf(DecodeTags(logits, tags, Decoding::kArgMax)));
}

TEST(DecodeTags, ConstrainedEqualsArgMaxWhereThatIsLegal) {
  std::mt19937 random(3);
  int legal = 0;
  for (int round = 0; round < 300; ++round) {
    const std::vector<float> logits = RandomLogits(random, 4 * kTags.size(), 2);
    const std::vector<size_t> expected = TagsOf(DecodeTags(logits, kTags, Decoding::kArgMax));
    if (!IsLegal(expected, kTags)) continue;
    ++legal;
    EXPECT_EQ(TagsOf(DecodeTags(logits, kTags, Decoding::kConstrained)), expected);
  }
  EXPECT_GT(legal, 20);
}

TEST(DecodeTags, ConstrainedLetsAnInsideTagStartWhereTheModelHasNoBeginTag) {
  const std::vector<std::string> tags = {"O", "I-PER", "B-ORG", "I-ORG"};
  const std::vector<float> logits = {0, 9, 0, 0, 0, 0, 1, 9};
  const std::vector<WordTag> decoded = DecodeTags(logits, tags, Decoding::kConstrained);
  EXPECT_EQ(decoded[0].tag, 1);
  EXPECT_EQ(decoded[1].tag, 2);
}

TEST(DecodeTags, TagsWordsWithoutTokensOutside) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> logits = {0,   9,   0,   0,   0,    //
                                     nan, nan, nan, nan, nan,  //
                                     0,   2,   9,   0,   0};
  const std::vector<WordTag> best = DecodeTags(logits, kTags, Decoding::kArgMax);
  EXPECT_EQ(TagsOf(best), (std::vector<size_t>{1, 0, 2}));
  EXPECT_EQ(best[1].score, 1);
  // No entity goes on over such a word, so an I-LOC behind it is illegal.
  const std::vector<WordTag> legal = DecodeTags(logits, kTags, Decoding::kConstrained);
  EXPECT_EQ(TagsOf(legal), (std::vector<size_t>{1, 0, 1}));
  EXPECT_EQ(legal[1].score, 1);
}

TEST(DecodeTags, FindsOutsideWhereverItStands) {
  const std::vector<std::string> tags = {"B-LOC", "I-LOC", "O"};
  const std::vector<float> logits(3, std::numeric_limits<float>::quiet_NaN());
  EXPECT_EQ(DecodeTags(logits, tags, Decoding::kArgMax)[0].tag, 2);
}

TEST(EntitiesOf, FindsTheSpansThatSeqevalFinds) {
  std::ifstream file(FINTAG_TEST_DATA "/golden/seqeval_spans.json");
  ASSERT_TRUE(file.good());
  int cases = 0;
  for (const nlohmann::json& set : nlohmann::json::parse(file)) {
    const auto tags = set["tags"].get<std::vector<std::string>>();
    for (const nlohmann::json& example : set["cases"]) {
      std::vector<WordTag> words;
      for (int32_t tag : example["sequence"]) words.push_back({tag, 0.5f});
      std::vector<Span> found;
      for (const WordEntity& entity : EntitiesOf(words, tags)) found.push_back(entity.span);
      std::vector<Span> expected;
      for (const nlohmann::json& entity : example["entities"]) expected.push_back({entity[0], entity[1], entity[2]});
      EXPECT_EQ(found, expected) << example.dump();
      ++cases;
    }
  }
  EXPECT_EQ(cases, 500);
}

// What a corpus reader makes of the same tags.
TEST(EntitiesOf, FindsTheSpansOfTagsThatAreLegalInAnyScheme) {
  std::mt19937 random(7);
  for (TagScheme scheme : kTagSchemes) {
    for (int round = 0; round < 500; ++round) {
      const auto words = static_cast<int32_t>(1 + random() % 20);
      const std::vector<std::string> tags = TagsInScheme(RandomSpans(random, words), words, scheme);
      std::vector<WordTag> word_tags;
      for (int32_t word = 0; word < words; ++word) word_tags.push_back({word, 1});
      std::vector<Span> found;
      for (const WordEntity& entity : EntitiesOf(word_tags, tags)) found.push_back(entity.span);
      ASSERT_EQ(found, SpansOf(tags, scheme)) << testing::PrintToString(tags);
    }
  }
}

TEST(EntitiesOf, ScoresAnEntityByTheMeanOfItsWords) {
  const std::vector<WordTag> words = {{1, 0.5f}, {2, 0.75f}, {2, 1.0f}, {0, 0.1f}, {3, 0.25f}};
  const std::vector<WordEntity> entities = EntitiesOf(words, kTags);
  ASSERT_EQ(entities.size(), 2u);
  EXPECT_FLOAT_EQ(entities[0].score, 0.75f);
  EXPECT_FLOAT_EQ(entities[1].score, 0.25f);
}

}  // namespace
}  // namespace fintag
