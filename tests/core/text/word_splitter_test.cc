#include "core/text/word_splitter.h"

#include <random>
#include <string>
#include <vector>

#include "core/text/unicode_tables.h"
#include "core/text/utf8.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace fintag {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> Words(std::string_view text) {
  const auto words = SplitWords(text);
  EXPECT_TRUE(words.ok()) << words.status();
  std::vector<std::string> texts;
  for (const TextWord& word : *words) texts.push_back(word.text);
  return texts;
}

TEST(WordSplitter, TakesPunctuationOffBothEnds) {
  EXPECT_THAT(Words("(\"Bank\"), a lender."), ElementsAre("(", "\"", "Bank", "\"", ")", ",", "a", "lender", "."));
  EXPECT_THAT(Words("[the Notes];"), ElementsAre("[", "the", "Notes", "]", ";"));
  EXPECT_THAT(Words("\u201CBank\u201D"), ElementsAre("\u201C", "Bank", "\u201D"));
}

TEST(WordSplitter, KeepsDotsOfAbbreviationsAndInitials) {
  EXPECT_THAT(Words("Evergreen Solar, Inc., a Corp."),
              ElementsAre("Evergreen", "Solar", ",", "Inc.", ",", "a", "Corp."));
  EXPECT_THAT(Words("Mr. J. P. Morgan of the U.S. (N.A.)"),
              ElementsAre("Mr.", "J.", "P.", "Morgan", "of", "the", "U.S.", "(", "N.A.", ")"));
  EXPECT_THAT(Words("see Exhibit A."), ElementsAre("see", "Exhibit", "A", "."));
  EXPECT_THAT(Words("Amendment No. 2 has no. end"), ElementsAre("Amendment", "No.", "2", "has", "no", ".", "end"));
  EXPECT_THAT(Words("in 1999."), ElementsAre("in", "1999", "."));
}

TEST(WordSplitter, SplitsPossessives) {
  EXPECT_THAT(Words("Lender's LENDER'S bank\u2019s Lenders' 's"),
              ElementsAre("Lender", "'s", "LENDER", "'S", "bank", "\u2019s", "Lenders", "'", "'s"));
  EXPECT_THAT(Words("don't"), ElementsAre("don't"));
}

TEST(WordSplitter, KeepsNumbersWholeAndAmountsApart) {
  EXPECT_THAT(Words("$5,000,000.00, 5.25%; US$5 \u20AC7 .5"),
              ElementsAre("$", "5,000,000.00", ",", "5.25", "%", ";", "US$", "5", "\u20AC", "7", ".5"));
  EXPECT_THAT(Words("Clara,California"), ElementsAre("Clara", ",", "California"));
}

TEST(WordSplitter, KeepsHyphensSlashesAndInnerBrackets) {
  EXPECT_THAT(Words("non-compete and/or /s/ loan(s) 2.1(a)(ii) AT&T"),
              ElementsAre("non-compete", "and/or", "/s/", "loan(s)", "2.1(a)(ii)", "AT&T"));
  EXPECT_THAT(Words("(i) a) ((b))"), ElementsAre("(", "i", ")", "a", ")", "((", "b", ")", ")"));
}

TEST(WordSplitter, TakesRunsOfMarksAsOneWord) {
  EXPECT_THAT(Words("Name: ______ .......... end--start \u2014 a...b"),
              ElementsAre("Name", ":", "______", "..........", "end", "--", "start", "\u2014", "a", "...", "b"));
}

TEST(WordSplitter, TakesEveryChineseCharacterAsAWord) {
  EXPECT_THAT(Words("\u4E2D\u56FDBank\u884C"), ElementsAre("\u4E2D", "\u56FD", "Bank", "\u884C"));
}

TEST(WordSplitter, CountsOffsetsInCodePoints) {
  const auto words = SplitWords(" \u00E9t\u00E9, \U0001F600!");
  ASSERT_TRUE(words.ok());
  ASSERT_EQ(words->size(), 4u);
  EXPECT_EQ((*words)[0].begin, 1);
  EXPECT_EQ((*words)[0].end, 4);
  EXPECT_EQ((*words)[1].begin, 4);
  EXPECT_EQ((*words)[2].text, "\U0001F600");
  EXPECT_EQ((*words)[2].begin, 6);
  EXPECT_EQ((*words)[3].end, 8);
}

TEST(WordSplitter, GivesThePositionOfInvalidUtf8) {
  const auto words = SplitWords("abc\xFF");
  EXPECT_EQ(words.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(words.status().message()), HasSubstr("byte 3"));
}

TEST(WordSplitter, PutsEveryCharacterButSpaceIntoExactlyOneWord) {
  const std::u32string pool =
      U"aZ09.,;:'\"$%()[]{}-_/!?&*#@ \t\n\u00A0\u00E9\u2019\u201C\u2014\u20AC\u4E2D\u0301\u200B\u3000sS\U0001F600";
  std::mt19937 random(5);
  for (int round = 0; round < 20000; ++round) {
    std::u32string characters;
    for (size_t i = random() % 30; i > 0; --i) {
      const char32_t any = random() % 0xD800;
      characters.push_back(random() % 20 == 0 ? any : pool[random() % pool.size()]);
    }
    std::string text;
    for (const char32_t c : characters) AppendUtf8(c, text);
    const auto words = SplitWords(text);
    ASSERT_TRUE(words.ok());
    std::vector<int> covered(characters.size(), 0);
    int32_t last = 0;
    for (const TextWord& word : *words) {
      ASSERT_LE(last, word.begin);
      ASSERT_LT(word.begin, word.end);
      last = word.end;
      std::string expected;
      for (int32_t i = word.begin; i < word.end; ++i) {
        AppendUtf8(characters[static_cast<size_t>(i)], expected);
        ++covered[static_cast<size_t>(i)];
      }
      ASSERT_EQ(word.text, expected);
    }
    for (size_t i = 0; i < characters.size(); ++i) {
      const bool space = PropertiesOf(characters[i]).flags & kWhiteSpace;
      ASSERT_EQ(covered[i], space ? 0 : 1) << text;
    }
  }
}

// A text may be one piece. Looking at all of it for each of its ends would take hours here.
TEST(WordSplitter, TakesTimeLinearInThePiece) {
  constexpr size_t kBytes = 1 << 20;
  const auto repeat = [](std::string_view part) {
    std::string text = "x";
    while (text.size() < kBytes) text += part;
    return text;
  };
  EXPECT_EQ(Words(repeat(")")).size(), kBytes);
  EXPECT_EQ(Words(repeat(")]}")).size(), kBytes);
  const std::string dotted = repeat(".x").substr(0, kBytes - 1) + '.';
  EXPECT_THAT(Words(dotted), ElementsAre(dotted));
  EXPECT_EQ(Words(dotted + repeat("!.").substr(1)).size(), kBytes + 1);
}

TEST(WordSplitter, KeepsTheBracketsThatAPieceOpens) {
  EXPECT_THAT(Words("a(b)c)) a(b(c)) a([)] (a(b)"), ElementsAre("a(b)c", ")", ")", "a(b(c))", "a([)]", "(", "a(b)"));
}

}  // namespace
}  // namespace fintag
