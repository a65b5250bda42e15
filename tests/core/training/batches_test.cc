#include "core/training/batches.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <random>
#include <set>

#include "core/training/random.h"

namespace fintag {
namespace {

// The model has five tags; the sixth is foreign.
constexpr int32_t kForeign = 5;

struct NumberedSentence {
  std::vector<Window> windows;
  std::vector<int32_t> tags;
  int64_t tokens = 0;
};

// Sentences of one or more windows with known contents: token ids count up, every second token starts a word.
std::vector<NumberedSentence> RandomSentences(int sentences, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<NumberedSentence> corpus;
  int32_t id = 10;
  for (int i = 0; i < sentences; ++i) {
    NumberedSentence& sentence = corpus.emplace_back();
    const int windows = random() % 8 == 0 ? static_cast<int>(random() % 3) : 1;
    for (int w = 0; w < windows; ++w) {
      Window& window = sentence.windows.emplace_back();
      const int length = 3 + static_cast<int>(random() % 40);
      for (int t = 0; t < length; ++t) window.token_ids.push_back(id++);
      for (int t = 1; t + 1 < length; t += 2) {
        window.word_rows.push_back(t);
        window.words.push_back(static_cast<int32_t>(sentence.tags.size()));
        sentence.tags.push_back(random() % 10 == 0 ? kForeign : static_cast<int32_t>(random() % 5));
      }
      sentence.tokens += length;
    }
  }
  return corpus;
}

TokenCache CacheOf(const std::vector<NumberedSentence>& sentences) {
  TokenCacheWriter writer = TokenCacheWriter::Create(std::filesystem::temp_directory_path(), kForeign).value();
  for (const NumberedSentence& sentence : sentences) {
    EXPECT_TRUE(writer.Append(sentence.windows, sentence.tags, {}).ok());
  }
  return std::move(writer).Finish().value();
}

TokenCache RandomCache(int sentences, uint64_t seed) { return CacheOf(RandomSentences(sentences, seed)); }

std::vector<std::vector<int32_t>> Batches(const EpochPlan& plan) {
  std::vector<std::vector<int32_t>> batches;
  for (int64_t i = 0; i < plan.size(); ++i) batches.emplace_back(plan[i].begin(), plan[i].end());
  return batches;
}

std::vector<int32_t> Flat(const EpochPlan& plan) {
  std::vector<int32_t> all;
  for (const auto& batch : Batches(plan)) all.insert(all.end(), batch.begin(), batch.end());
  return all;
}

std::vector<int32_t> WithWindows(const TokenCache& corpus) {
  std::vector<int32_t> all;
  for (int32_t i = 0; i < corpus.size(); ++i) {
    if (corpus[i].windows() > 0) all.push_back(i);
  }
  return all;
}

TEST(PlanEpoch, EverySentenceStandsInOneBatch) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const TokenCache corpus = RandomCache(1 + static_cast<int>(seed) * 7, seed);
    for (const int32_t tokens : {0, 16, 100, 1000}) {
      TrainingOptions options;
      options.batch_tokens = tokens;
      options.seed = seed;
      std::vector<int32_t> all = Flat(PlanEpoch(corpus, options, 3));
      std::sort(all.begin(), all.end());
      EXPECT_EQ(all, WithWindows(corpus));
    }
  }
}

TEST(PlanEpoch, BatchesBySentencesAreFullButTheLast) {
  const TokenCache corpus = RandomCache(101, 1);
  const auto batches = Batches(PlanEpoch(corpus, {.batch_sentences = 8}, 1));
  for (size_t i = 0; i + 1 < batches.size(); ++i) EXPECT_EQ(batches[i].size(), 8u);
  EXPECT_EQ(batches.size(), (WithWindows(corpus).size() + 7) / 8);
}

TEST(PlanEpoch, BatchesByTokensStayBelowTheLimit) {
  const TokenCache corpus = RandomCache(200, 2);
  const auto tokens_of = [&](const std::vector<int32_t>& batch) {
    return std::accumulate(batch.begin(), batch.end(), int64_t{0},
                           [&](int64_t sum, int32_t i) { return sum + corpus.tokens(i); });
  };
  const auto batches = Batches(PlanEpoch(corpus, {.batch_tokens = 64}, 1));
  for (size_t i = 0; i < batches.size(); ++i) {
    EXPECT_TRUE(tokens_of(batches[i]) <= 64 || batches[i].size() == 1);
    if (i + 1 < batches.size()) {
      EXPECT_GT(tokens_of(batches[i]) + corpus.tokens(batches[i + 1].front()), 64);
    }
  }
}

TEST(PlanEpoch, OrderFollowsSeedAndEpoch) {
  const TokenCache corpus = RandomCache(100, 3);
  const auto order = [&](uint64_t seed, int32_t epoch) { return Flat(PlanEpoch(corpus, {.seed = seed}, epoch)); };
  EXPECT_EQ(order(1, 1), order(1, 1));
  EXPECT_NE(order(1, 1), order(1, 2));
  EXPECT_NE(order(1, 1), order(2, 1));
  EXPECT_EQ(Flat(PlanEpoch(corpus, {.shuffle = false}, 2)), WithWindows(corpus));
}

TEST(StepsOf, CountsAShortLastStep) {
  EXPECT_EQ(StepsOf(10, {.gradient_accumulation = 1}), 10);
  EXPECT_EQ(StepsOf(10, {.gradient_accumulation = 4}), 3);
  EXPECT_EQ(StepsOf(12, {.gradient_accumulation = 4}), 3);
}

TEST(PackBatch, RowsPointAtFirstTokensOfTaggedWords) {
  const std::vector<NumberedSentence> sentences = RandomSentences(60, 4);
  const TokenCache corpus = CacheOf(sentences);
  const std::vector<int32_t> chosen = WithWindows(corpus);
  const TrainingBatch batch = PackBatch(corpus, chosen);
  std::vector<int64_t> ids, tags;
  int64_t tokens = 0, windows = 0;
  for (const int32_t i : chosen) {
    const NumberedSentence& sentence = sentences[i];
    tokens += sentence.tokens;
    for (const Window& window : sentence.windows) {
      ++windows;
      for (size_t k = 0; k < window.words.size(); ++k) {
        if (sentence.tags[window.words[k]] == kForeign) continue;
        ids.push_back(window.token_ids[window.word_rows[k]]);
        tags.push_back(sentence.tags[window.words[k]]);
      }
    }
  }
  EXPECT_EQ(batch.packed.tokens(), tokens);
  EXPECT_EQ(batch.packed.sequences(), windows);
  EXPECT_EQ(batch.tags, tags);
  ASSERT_EQ(batch.rows.size(), ids.size());
  for (size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(batch.packed.token_ids[batch.rows[i]], ids[i]);
  EXPECT_TRUE(std::is_sorted(batch.rows.begin(), batch.rows.end()));
}

// The generator is part of what "same seed, same bytes" means: its numbers must never change. Checked against the
// reference implementation of SplitMix64 (prng.di.unimi.it/splitmix64.c) with the state 1234567.
TEST(Random, NumbersAreThoseOfSplitMix64) {
  Random random(1234567);
  EXPECT_EQ(random.Next(), 6457827717110365317u);
  EXPECT_EQ(random.Next(), 3203168211198807973u);
  EXPECT_EQ(random.Next(), 9817491932198370423u);
}

TEST(Random, ShuffleReachesEveryOrder) {
  std::set<std::vector<int>> orders;
  Random random(5);
  for (int i = 0; i < 500; ++i) {
    std::vector<int> values = {1, 2, 3, 4};
    Shuffle(std::span(values), random);
    orders.insert(values);
  }
  EXPECT_EQ(orders.size(), 24u);
}

}  // namespace
}  // namespace fintag
