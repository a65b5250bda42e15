#include "core/text/scheme_detection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/text/random_spans.h"

namespace fintag {
namespace {

using Tags = std::vector<std::string>;

std::optional<TagScheme> Detect(const std::vector<Tags>& sentences) {
  SchemeDetector detector;
  for (const Tags& tags : sentences) detector.Add(tags, 1, SchemeDetector::Layout::kLineASentence);
  return detector.Detected();
}

TEST(SchemeDetector, PrefersTheSimplestSchemeThatFits) {
  EXPECT_EQ(Detect({{"O", "O"}}), TagScheme::kIob2);
  EXPECT_EQ(Detect({{"I-PER", "I-PER", "O"}}), TagScheme::kIo);
  EXPECT_EQ(Detect({{"I-PER", "I-ORG", "O"}}), TagScheme::kIo);
  EXPECT_EQ(Detect({{"I-PER", "B-PER", "O"}}), TagScheme::kIob1);
  EXPECT_EQ(Detect({{"B-PER"}}), TagScheme::kIob2);
  EXPECT_EQ(Detect({{"B-PER", "B-PER", "I-PER"}}), TagScheme::kIob2);
  EXPECT_EQ(Detect({{"I-PER", "E-PER", "I-PER"}}), TagScheme::kIoe1);
  EXPECT_EQ(Detect({{"I-PER", "E-PER", "E-ORG"}}), TagScheme::kIoe2);
  EXPECT_EQ(Detect({{"S-PER"}}), TagScheme::kIobes);
  EXPECT_EQ(Detect({{"B-PER", "E-PER"}}), TagScheme::kIobes);
  EXPECT_EQ(Detect({{"U-PER", "B-PER", "L-PER"}}), TagScheme::kBilou);
}

TEST(SchemeDetector, LooksAtTheWholeFile) {
  EXPECT_EQ(Detect({{"I-PER", "O"}, {"I-PER", "B-PER"}}), TagScheme::kIob1);
  EXPECT_EQ(Detect({{"I-PER", "O"}, {"B-PER", "I-PER"}}), std::nullopt);
  EXPECT_EQ(Detect({{"S-PER"}, {"U-PER"}}), std::nullopt);
}

TEST(SchemeDetector, FindsTheSchemeOfRandomSpans) {
  std::mt19937 random(3);
  for (TagScheme scheme : kTagSchemes) {
    std::vector<Tags> sentences;
    for (int i = 0; i < 200; ++i) {
      const auto words = static_cast<int32_t>(1 + random() % 12);
      sentences.push_back(TagsInScheme(RandomSpans(random, words), words, scheme));
    }
    EXPECT_EQ(Detect(sentences), scheme) << TagSchemeName(scheme);
  }
}

TEST(SchemeDetector, NamesThePlacesAgainstTheNearestScheme) {
  SchemeDetector detector;
  detector.Add(Tags{"B-PER", "I-PER", "O"}, 1, SchemeDetector::Layout::kLineAWord);
  detector.Add(Tags{"B-ORG", "O", "I-ORG", "I-PER"}, 5, SchemeDetector::Layout::kLineAWord);
  const std::vector<LineError> errors = detector.Errors();
  ASSERT_EQ(errors.size(), 2);
  EXPECT_EQ(errors[0].line, 7);
  EXPECT_EQ(
      errors[0].reason,
      "I-ORG after O is illegal in IOB2, the tag scheme that fits the file best; IOB1 is ruled out by line 1 "
      "(B-PER at the start of a sentence); IOBES is ruled out by line 3 (O after I-PER); BILOU is ruled out by line 3 "
      "(O after I-PER)");
  EXPECT_EQ(errors[1].line, 8);
  EXPECT_EQ(errors[1].reason, "I-PER after I-ORG is illegal in IOB2");
}

TEST(SchemeDetector, NamesTheEndOfASentence) {
  SchemeDetector detector;
  detector.Add(Tags{"S-PER", "B-ORG", "E-ORG"}, 1, SchemeDetector::Layout::kLineAWord);
  detector.Add(Tags{"O", "B-ORG"}, 5, SchemeDetector::Layout::kLineAWord);
  const std::vector<LineError> errors = detector.Errors();
  ASSERT_EQ(errors.size(), 1);
  EXPECT_EQ(errors[0].line, 6);
  EXPECT_EQ(errors[0].reason,
            "B-ORG at the end of a sentence is illegal in IOBES, the tag scheme that fits the file best");
}

TEST(SchemeDetector, NamesPrefixesThatNoSchemeHasTogether) {
  SchemeDetector detector;
  detector.Add(Tags{"S-PER", "O", "S-ORG", "U-ORG"}, 4, SchemeDetector::Layout::kLineASentence);
  const std::vector<LineError> errors = detector.Errors();
  ASSERT_EQ(errors.size(), 1);
  EXPECT_EQ(errors[0].line, 4);
  EXPECT_EQ(errors[0].reason,
            "tags[3]: the prefix of U-ORG is illegal in IOBES, the tag scheme that fits the file best; no scheme has "
            "all the prefixes S, U");
}

TEST(SchemeDetector, DoesNotJudgeTheNeighboursOfAnUnknownTag) {
  EXPECT_EQ(Detect({{"B-PER", "", "I-PER", "O", "B-PER"}}), TagScheme::kIob2);
}

TEST(SchemeDetector, KeepsTheFirstHundredErrors) {
  SchemeDetector detector;
  for (int i = 0; i < 1000; ++i) {
    detector.Add(Tags{"B-PER", "O", "I-PER"}, 10 * i + 1, SchemeDetector::Layout::kLineAWord);
  }
  const std::vector<LineError> errors = detector.Errors();
  ASSERT_EQ(errors.size(), 100);
  EXPECT_EQ(errors[99].line, 993);
}

}  // namespace
}  // namespace fintag
