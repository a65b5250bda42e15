#include "core/text/tag_scheme.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/text/random_spans.h"

namespace fintag {
namespace {

using Tags = std::vector<std::string>;

bool IsLegal(const Tags& tags, TagScheme scheme) {
  ParsedTag before;
  for (const std::string& tag : tags) {
    const ParsedTag parsed = *ParseTag(tag);
    if (!HasPrefix(scheme, parsed.prefix) || !IsLegalPair(scheme, before, parsed)) return false;
    before = parsed;
  }
  return IsLegalPair(scheme, before, ParsedTag{});
}

class EveryScheme : public testing::TestWithParam<TagScheme> {};

INSTANTIATE_TEST_SUITE_P(TagScheme, EveryScheme, testing::ValuesIn(kTagSchemes),
                         [](const auto& info) { return std::string(TagSchemeName(info.param)); });

TEST_P(EveryScheme, ReadsBackRandomSpans) {
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    const auto words = static_cast<int32_t>(1 + random() % 20);
    std::vector<Span> spans = RandomSpans(random, words);
    const Tags tags = TagsInScheme(spans, words, GetParam());
    if (GetParam() == TagScheme::kIo) spans = JoinedNeighbours(spans);
    ASSERT_EQ(SpansOf(tags, GetParam()), spans) << testing::PrintToString(tags);
    ASSERT_TRUE(IsLegal(tags, GetParam())) << testing::PrintToString(tags);
  }
}

// Every tag sequence over two labels and all prefixes of up to four words: what the pairs allow is exactly what some
// spans are written as.
TEST_P(EveryScheme, AllowsNothingButWhatSpansAreWrittenAs) {
  Tags alphabet = {"O"};
  for (char prefix : std::string("BIESLU")) {
    for (const char* label : {"-X", "-Y"}) alphabet.push_back(prefix + std::string(label));
  }
  int legal = 0;
  for (int32_t words = 1; words <= 4; ++words) {
    int total = 1;
    for (int32_t i = 0; i < words; ++i) total *= static_cast<int>(alphabet.size());
    for (int code = 0; code < total; ++code) {
      Tags tags;
      for (int32_t i = 0, rest = code; i < words; ++i, rest /= static_cast<int>(alphabet.size())) {
        tags.push_back(alphabet[static_cast<size_t>(rest) % alphabet.size()]);
      }
      const bool written = TagsInScheme(SpansOf(tags, GetParam()), words, GetParam()) == tags;
      ASSERT_EQ(IsLegal(tags, GetParam()), written) << testing::PrintToString(tags);
      legal += written ? 1 : 0;
    }
  }
  EXPECT_GT(legal, 81);
}

TEST(TagScheme, Iob2TagsOfSpansReadBack) {
  std::mt19937 random(8);
  for (int round = 0; round < 500; ++round) {
    const auto words = static_cast<int32_t>(1 + random() % 20);
    const std::vector<Span> spans = RandomSpans(random, words);
    ASSERT_EQ(SpansOf(Iob2Tags(spans, words), TagScheme::kIob2), spans);
    ASSERT_EQ(Iob2Tags(spans, words), TagsInScheme(spans, words, TagScheme::kIob2));
  }
}

TEST(TagScheme, TakesTagsApart) {
  EXPECT_EQ(ParseTag("O")->prefix, 'O');
  EXPECT_EQ(ParseTag("O")->label, "");
  EXPECT_EQ(ParseTag("U-ORG")->prefix, 'U');
  EXPECT_EQ(ParseTag("U-ORG")->label, "ORG");
  EXPECT_EQ(ParseTag("I-CREDIT-LINE")->label, "CREDIT-LINE");
  EXPECT_EQ(ParseTag("B--")->label, "-");
  for (const char* wrong : {"", "o", "B", "B-", "BORG", "b-ORG", "X-ORG", "O-ORG", "ORG", "-ORG", "\xC3\x89-ORG"}) {
    EXPECT_EQ(ParseTag(wrong), std::nullopt) << wrong;
  }
}

TEST(TagScheme, HasTheUsualNames) {
  Tags names;
  for (TagScheme scheme : kTagSchemes) names.emplace_back(TagSchemeName(scheme));
  EXPECT_THAT(names, testing::UnorderedElementsAre("IO", "IOB1", "IOB2", "IOE1", "IOE2", "IOBES", "BILOU"));
}

}  // namespace
}  // namespace fintag
