#include "core/tagging/windows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

namespace fintag {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr SpecialTokens kSpecial = {.unknown = 1, .classifier = 2, .separator = 3, .padding = 0};

// Words of the given numbers of tokens; a word of none is skipped, as the tokenizer does. Ids tell positions apart.
std::vector<Token> TokensOf(const std::vector<int>& pieces) {
  std::vector<Token> tokens;
  for (size_t word = 0; word < pieces.size(); ++word) {
    for (int piece = 0; piece < pieces[word]; ++piece) {
      tokens.push_back({static_cast<int32_t>(100 + tokens.size()), static_cast<int32_t>(word), piece, piece + 1});
    }
  }
  return tokens;
}

std::vector<int> RandomPieces(std::mt19937& random, int tokens) {
  std::vector<int> pieces;
  std::discrete_distribution<int> count({2, 60, 20, 10, 5, 2, 1});
  for (int total = 0; total < tokens;) {
    pieces.push_back(std::min(count(random), tokens - total));
    total += pieces.back();
  }
  return pieces;
}

// What must hold of any cut.
void CheckWindows(const std::vector<Token>& tokens, const std::vector<Window>& windows, int64_t max_positions) {
  std::map<int32_t, int32_t> first_id;  // of each word with a token
  for (const Token& token : tokens) first_id.try_emplace(token.word, token.id);

  std::set<int32_t> owned;
  int32_t last_word = -1;
  int64_t last_end = -1;
  for (const Window& window : windows) {
    const std::vector<int32_t>& ids = window.token_ids;
    ASSERT_LE(static_cast<int64_t>(ids.size()), max_positions);
    ASSERT_GE(ids.size(), 3u);
    ASSERT_EQ(ids.front(), kSpecial.classifier);
    ASSERT_EQ(ids.back(), kSpecial.separator);
    for (size_t i = 2; i + 1 < ids.size(); ++i) ASSERT_EQ(ids[i], ids[i - 1] + 1) << "not a run of the sentence";

    const int64_t begin = ids[1] - 100;
    if (last_end >= 0) {
      ASSERT_LE(last_end - begin, (max_positions - 2) / 4) << "neighbours share too much";
    }
    last_end = begin + static_cast<int64_t>(ids.size()) - 2;

    ASSERT_FALSE(window.words.empty());
    ASSERT_EQ(window.words.size(), window.word_rows.size());
    for (size_t i = 0; i < window.words.size(); ++i) {
      ASSERT_GT(window.words[i], last_word) << "words are not ascending";
      last_word = window.words[i];
      ASSERT_TRUE(owned.insert(window.words[i]).second) << "word " << window.words[i] << " owned twice";
      ASSERT_EQ(ids.at(window.word_rows[i]), first_id.at(window.words[i]));
    }
  }
  ASSERT_EQ(owned.size(), first_id.size()) << "a word is owned by no window";
}

TEST(MakeWindows, GivesNoneForNoTokens) { EXPECT_THAT(MakeWindows({}, kSpecial, 512), IsEmpty()); }

TEST(MakeWindows, KeepsAShortSentenceWhole) {
  const std::vector<Window> windows = MakeWindows(TokensOf({1, 2, 0, 1}), kSpecial, 8);
  ASSERT_EQ(windows.size(), 1u);
  EXPECT_THAT(windows[0].token_ids, ElementsAre(2, 100, 101, 102, 103, 3));
  EXPECT_THAT(windows[0].words, ElementsAre(0, 1, 3));
  EXPECT_THAT(windows[0].word_rows, ElementsAre(1, 2, 4));
}

TEST(MakeWindows, FillsTheEncoderBeforeItCuts) {
  EXPECT_EQ(MakeWindows(TokensOf(std::vector<int>(510, 1)), kSpecial, 512).size(), 1u);
  EXPECT_EQ(MakeWindows(TokensOf(std::vector<int>(511, 1)), kSpecial, 512).size(), 2u);
}

TEST(MakeWindows, OwnsEveryWordOnceAtEveryLength) {
  std::mt19937 random(11);
  for (int length = 1; length <= 5000; length += length < 1100 ? 1 : 37) {
    const std::vector<Token> tokens = TokensOf(RandomPieces(random, length));
    CheckWindows(tokens, MakeWindows(tokens, kSpecial, 512), 512);
    if (testing::Test::HasFatalFailure()) FAIL() << "of " << length << " tokens";
  }
}

TEST(MakeWindows, OwnsEveryWordOnceInEncodersOfAnySize) {
  std::mt19937 random(12);
  for (int64_t max_positions = 8; max_positions <= 130; ++max_positions) {
    for (int length = 1; length < 400; length += 7) {
      const std::vector<Token> tokens = TokensOf(RandomPieces(random, length));
      CheckWindows(tokens, MakeWindows(tokens, kSpecial, max_positions), max_positions);
      if (testing::Test::HasFatalFailure()) FAIL() << length << " tokens, " << max_positions << " positions";
    }
  }
}

TEST(MakeWindows, CutsAWordLongerThanTheEncoder) {
  for (int before : {0, 1, 300, 509, 510, 700}) {
    for (int behind : {0, 1, 300, 700}) {
      std::vector<int> pieces(before, 1);
      pieces.push_back(600);
      pieces.insert(pieces.end(), behind, 1);
      const std::vector<Token> tokens = TokensOf(pieces);
      CheckWindows(tokens, MakeWindows(tokens, kSpecial, 512), 512);
      if (testing::Test::HasFatalFailure()) FAIL() << before << " words before, " << behind << " behind";
    }
  }
}

TEST(MakeWindows, DropsStretchesThatOwnNoWord) {
  const std::vector<Window> windows = MakeWindows(TokensOf({4000}), kSpecial, 512);
  ASSERT_EQ(windows.size(), 1u);
  EXPECT_THAT(windows[0].words, ElementsAre(0));
}

TEST(MakeWindows, GivesEveryWordContextOnBothSides) {
  // 1,200 words of one token: away from the sentence's own ends every word sees an eighth of a window on both sides.
  const std::vector<Token> tokens = TokensOf(std::vector<int>(1200, 1));
  for (const Window& window : MakeWindows(tokens, kSpecial, 512)) {
    const auto size = static_cast<int32_t>(window.token_ids.size());
    const bool first = window.token_ids[1] == 100;
    const bool last = window.token_ids[size - 2] == 100 + 1199;
    for (int32_t row : window.word_rows) {
      if (!first) {
        EXPECT_GE(row - 1, 62);
      }
      if (!last) {
        EXPECT_GE(size - 2 - row, 62);
      }
    }
  }
}

TEST(MakeWindows, StartsWithAWholeWordWhereItCan) {
  std::mt19937 random(13);
  std::set<int32_t> word_starts;
  const std::vector<Token> tokens = TokensOf(RandomPieces(random, 3000));
  int32_t word = -1;
  for (const Token& token : tokens) {
    if (token.word != word) word_starts.insert(token.id);
    word = token.word;
  }
  for (const Window& window : MakeWindows(tokens, kSpecial, 512))
    EXPECT_TRUE(word_starts.contains(window.token_ids[1]));
}

TEST(MakeWindows, HasWindowsOfNearlyOneLength) {
  const std::vector<Window> windows = MakeWindows(TokensOf(std::vector<int>(560, 1)), kSpecial, 512);
  ASSERT_EQ(windows.size(), 2u);
  EXPECT_NEAR(windows[0].token_ids.size(), windows[1].token_ids.size(), 2);
}

}  // namespace
}  // namespace fintag
