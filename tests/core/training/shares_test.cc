#include "core/training/shares.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "tests/core/model/temporary_folder.h"

namespace fintag {
namespace {

// Sentences of so many tokens, one window each.
TokenCache CacheOf(const TemporaryFolder& folder, const std::vector<int32_t>& lengths) {
  auto writer = TokenCacheWriter::Create(folder.path(), 1);
  EXPECT_TRUE(writer.ok()) << writer.status();
  for (const int32_t length : lengths) {
    Window window;
    window.token_ids.assign(static_cast<size_t>(length), 1);
    window.words = {0};
    window.word_rows = {1};
    const std::vector<int32_t> tags = {0};
    EXPECT_TRUE(writer->Append({&window, 1}, tags, {}).ok());
  }
  return std::move(*writer).Finish().value();
}

TEST(Shares, AreTheBatchAndAsEqualAsMayBe) {
  const TemporaryFolder folder;
  std::vector<int32_t> lengths;
  for (int32_t i = 0; i < 40; ++i) lengths.push_back(3 + (i * 37) % 61);
  const TokenCache corpus = CacheOf(folder, lengths);
  std::vector<int32_t> batch(40);
  std::iota(batch.begin(), batch.end(), 0);
  std::reverse(batch.begin(), batch.end());
  for (const int32_t ranks : {1, 2, 3, 8, 41}) {
    std::vector<int32_t> all;
    int64_t least = INT64_MAX, most = 0;
    for (int32_t rank = 0; rank < ranks; ++rank) {
      const std::vector<int32_t> share = ShareOf(corpus, batch, rank, ranks);
      EXPECT_TRUE(std::is_sorted(share.rbegin(), share.rend())) << "in the batch's order";
      all.insert(all.end(), share.begin(), share.end());
      int64_t tokens = 0;
      for (const int32_t sentence : share) tokens += corpus.tokens(sentence);
      least = std::min(least, tokens);
      most = std::max(most, tokens);
    }
    std::sort(all.rbegin(), all.rend());
    EXPECT_EQ(all, batch) << ranks;
    EXPECT_LE(most - least, 63) << "a sentence at most";
  }
}

}  // namespace
}  // namespace fintag
