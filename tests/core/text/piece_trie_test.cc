#include "core/text/piece_trie.h"

#include <map>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace fintag {
namespace {

TEST(PieceTrie, FindsTheLongestStringLikeAPlainSearch) {
  std::mt19937 random(1);
  const auto word = [&random](size_t longest) {
    std::string text(random() % longest + 1, 'a');
    for (char& c : text) c = static_cast<char>(random() % 4 == 0 ? random() : 'a' + random() % 3);
    return text;
  };
  for (int round = 0; round < 50; ++round) {
    std::map<std::string, int32_t> strings;
    for (int32_t i = 0; i < 300; ++i) strings.emplace(word(5), i);
    const PieceTrie trie({strings.begin(), strings.end()});
    for (int query = 0; query < 500; ++query) {
      const std::string text = word(8), prefix = word(2);
      PieceTrie::Match expected, continued;
      for (const auto& [piece, value] : strings) {
        if (text.starts_with(piece) && piece.size() > expected.length) expected = {value, piece.size()};
        if (!piece.starts_with(prefix) || piece.size() == prefix.size()) continue;
        const std::string rest = piece.substr(prefix.size());
        if (text.starts_with(rest) && rest.size() > continued.length) continued = {value, rest.size()};
      }
      const PieceTrie::Match found = trie.Longest(PieceTrie::kRoot, text);
      EXPECT_EQ(found.value, expected.value);
      EXPECT_EQ(found.length, expected.length);
      const PieceTrie::Match below = trie.Longest(trie.Descend(PieceTrie::kRoot, prefix), text);
      EXPECT_EQ(below.value, continued.value);
      EXPECT_EQ(below.length, continued.length);
    }
  }
}

TEST(PieceTrie, MayBeEmpty) {
  const PieceTrie trie({});
  EXPECT_EQ(trie.Longest(PieceTrie::kRoot, "a").value, -1);
  EXPECT_EQ(trie.Descend(PieceTrie::kRoot, "a"), PieceTrie::kNowhere);
}

}  // namespace
}  // namespace fintag
