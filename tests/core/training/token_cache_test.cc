#include "core/training/token_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <random>

#include "absl/strings/str_cat.h"
#include "core/training/corpus_encoder.h"
#include "tests/core/model/temporary_folder.h"
#include "tests/core/tagging/tiny_checkpoint.h"
#include "tests/core/training/full_scratch.h"

namespace fintag {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int32_t kModelTags = 5;

class TokenCacheTest : public ::testing::Test {
 protected:
  TokenCacheTest() {
    WriteTinyCheckpoint(folder_.path() / "base", {.classifier = false});
    tokenizer_ = WordPieceTokenizer::Load(folder_.path() / "base").value();
  }

  TokenCacheWriter Writer() { return TokenCacheWriter::Create(folder_.path(), kModelTags).value(); }

  // Words with tokens, words without one, and words of many.
  Sentence RandomSentence(std::mt19937& random, int words) {
    static const std::vector<std::string> kWords = {"boston", "new", "york", "apple", "\x01", "bankbank", "unheard-of"};
    Sentence sentence;
    for (int i = 0; i < words; ++i) {
      sentence.words.push_back(random() % 50 == 0 ? std::string(300, 'x') : kWords[random() % kWords.size()]);
      sentence.tags.push_back(tags_[random() % tags_.size()]);
    }
    return sentence;
  }

  TemporaryFolder folder_;
  std::shared_ptr<const WordPieceTokenizer> tokenizer_;
  std::vector<std::string> tags_ = {"O", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-MISC", "I-MISC"};
};

TEST_F(TokenCacheTest, GivesBackRandomSentences) {
  std::mt19937 random(3);
  std::vector<Sentence> sentences;
  for (int i = 0; i < 2000; ++i) sentences.push_back(RandomSentence(random, 1 + static_cast<int>(random() % 90)));
  sentences.push_back({{"\x01"}, {"B-ORG"}, 0, 1});  // without a window
  TokenCacheWriter writer = Writer();
  CorpusEncoder encoder(*tokenizer_, 24, tags_);
  for (size_t i = 0; i < sentences.size(); ++i) {
    const auto texts = i % 2 == 0 ? CorpusEncoder::Texts::kKeep : CorpusEncoder::Texts::kLeave;
    ASSERT_TRUE(encoder.Add(sentences[i], texts, writer).ok());
  }
  const TokenCache cache = std::move(writer).Finish().value();
  ASSERT_EQ(cache.size(), std::ssize(sentences));
  EXPECT_EQ(cache.model_tags(), kModelTags);

  TokenCache::Totals totals;
  // Backwards too: order of access is free.
  for (size_t k = 0; k < 2 * sentences.size(); ++k) {
    const size_t i = k < sentences.size() ? k : 2 * sentences.size() - 1 - k;
    const Sentence& sentence = sentences[i];
    std::vector<Token> tokens;
    ASSERT_TRUE(tokenizer_->EncodeWords(sentence.words, tokens).ok());
    const std::vector<Window> windows = MakeWindows(tokens, tokenizer_->special_tokens(), 24);
    const CachedSentence cached = cache[static_cast<int64_t>(i)];
    ASSERT_EQ(cached.windows(), std::ssize(windows));
    ASSERT_EQ(cached.words(), std::ssize(sentence.words));
    int64_t all_tokens = 0;
    int64_t owned = 0;
    for (int32_t w = 0; w < cached.windows(); ++w) {
      const CachedSentence::WindowView view = cached.window(w);
      ASSERT_THAT(view.token_ids, ElementsAreArray(windows[w].token_ids));
      std::vector<int32_t> words, rows;
      for (int32_t word = view.first_word; word < view.end_word; ++word) {
        if (cached.rows()[word] < 0) continue;
        words.push_back(word);
        rows.push_back(cached.rows()[word]);
      }
      ASSERT_EQ(words, windows[w].words);
      ASSERT_EQ(rows, windows[w].word_rows);
      all_tokens += std::ssize(view.token_ids);
      owned += std::ssize(words);
    }
    ASSERT_EQ(cache.tokens(static_cast<int64_t>(i)), all_tokens);
    for (size_t word = 0; word < sentence.words.size(); ++word) {
      ASSERT_EQ(tags_[cached.tags()[word]], sentence.tags[word]);
    }
    if (i % 2 == 0) {
      ASSERT_THAT(cached.texts(), ElementsAreArray(sentence.words));
    } else {
      ASSERT_THAT(cached.texts(), IsEmpty());
    }
    if (k >= sentences.size()) continue;
    ++totals.sentences;
    totals.tokens += all_tokens;
    totals.words += owned;
    totals.long_sentences += cached.windows() > 1 ? 1 : 0;
    totals.words_without_token += cached.words() - owned;
  }
  EXPECT_EQ(cache.totals().sentences, totals.sentences);
  EXPECT_EQ(cache.totals().tokens, totals.tokens);
  EXPECT_EQ(cache.totals().words, totals.words);
  EXPECT_EQ(cache.totals().long_sentences, totals.long_sentences);
  EXPECT_GT(cache.totals().long_sentences, 0);
  EXPECT_EQ(cache.totals().words_without_token, totals.words_without_token);
  EXPECT_GT(cache.totals().words_without_token, 0);
}

TEST_F(TokenCacheTest, MayBeEmpty) { EXPECT_EQ(std::move(Writer()).Finish()->size(), 0); }

int64_t ResidentFileKilobytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssFile:")) return std::stoll(line.substr(8));
  }
  return -1;
}

// 200 MB of it, of which some 16 may be resident; the rest of the process' files moves by less than as much again.
TEST_F(TokenCacheTest, IsNotResidentAsAWhole) {
  TokenCacheWriter writer = Writer();
  const std::vector<Window> windows = {{.token_ids = std::vector<int32_t>(500, 7), .word_rows = {1}, .words = {0}}};
  for (int i = 0; i < 100'000; ++i) ASSERT_TRUE(writer.Append(windows, std::vector<int32_t>{1}, {}).ok());
  const TokenCache cache = std::move(writer).Finish().value();
  const int64_t before = ResidentFileKilobytes();
  int64_t most = 0;
  int64_t sum = 0;
  for (int64_t i = 0; i < cache.size(); ++i) {
    for (const int32_t id : cache[i].window(0).token_ids) sum += id;
    if (i % 1000 == 0) most = std::max(most, ResidentFileKilobytes() - before);
  }
  EXPECT_EQ(sum, 100'000 * 500 * 7);
  EXPECT_LT(most, 32 << 10);
}

TEST_F(TokenCacheTest, AFullDiskIsResourceExhausted) {
  TokenCacheWriter writer = Writer();
  ASSERT_EQ(FillDiskOfScratchFiles(), 2);  // records and index
  EXPECT_TRUE(writer.Append({}, std::vector<int32_t>{1}, {}).ok()) << "still in the buffer";
  const absl::Status status = std::move(writer).Finish().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("token cache"));
}

TEST_F(TokenCacheTest, EncodingNamesTheLineOfABrokenWord) {
  TokenCacheWriter writer = Writer();
  CorpusEncoder encoder(*tokenizer_, 24, tags_);
  const absl::Status status = encoder.Add({{"a", "\xFF"}, {"O", "O"}, 0, 12}, CorpusEncoder::Texts::kLeave, writer);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("sentence at line 12: word 1"));
}

TEST(TagsOf, ListsOutsideFirst) {
  const std::vector<std::string> labels = {"LOC", "PER"};
  EXPECT_THAT(TagsOf(labels), ElementsAre("O", "B-LOC", "I-LOC", "B-PER", "I-PER"));
}

}  // namespace
}  // namespace fintag
