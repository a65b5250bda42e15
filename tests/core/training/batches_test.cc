#include "core/training/batches.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <set>

#include "core/training/random.h"

namespace fintag {
namespace {

using ::testing::ElementsAre;

// Sentences of one or more windows with known contents: token ids count up, every second token starts a word.
EncodedCorpus RandomCorpus(int sentences, uint64_t seed) {
  std::mt19937_64 random(seed);
  EncodedCorpus corpus;
  int32_t id = 10;
  for (int i = 0; i < sentences; ++i) {
    NumberedSentence& sentence = corpus.sentences.emplace_back();
    const int windows = random() % 8 == 0 ? static_cast<int>(random() % 3) : 1;
    for (int w = 0; w < windows; ++w) {
      Window& window = sentence.windows.emplace_back();
      const int length = 3 + static_cast<int>(random() % 40);
      for (int t = 0; t < length; ++t) window.token_ids.push_back(id++);
      for (int t = 1; t + 1 < length; t += 2) {
        window.word_rows.push_back(t);
        window.words.push_back(static_cast<int32_t>(sentence.tags.size()));
        sentence.tags.push_back(random() % 10 == 0 ? kForeignTag : static_cast<int32_t>(random() % 5));
      }
      sentence.tokens += length;
    }
    corpus.tokens += sentence.tokens;
  }
  return corpus;
}

std::vector<int32_t> Flat(const std::vector<SentenceBatch>& batches) {
  std::vector<int32_t> all;
  for (const SentenceBatch& batch : batches) all.insert(all.end(), batch.begin(), batch.end());
  return all;
}

std::vector<int32_t> WithWindows(const EncodedCorpus& corpus) {
  std::vector<int32_t> all;
  for (size_t i = 0; i < corpus.sentences.size(); ++i) {
    if (!corpus.sentences[i].windows.empty()) all.push_back(static_cast<int32_t>(i));
  }
  return all;
}

TEST(PlanEpoch, EverySentenceStandsInOneBatch) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const EncodedCorpus corpus = RandomCorpus(1 + static_cast<int>(seed) * 7, seed);
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
  const EncodedCorpus corpus = RandomCorpus(101, 1);
  const std::vector<SentenceBatch> batches = PlanEpoch(corpus, {.batch_sentences = 8}, 1);
  for (size_t i = 0; i + 1 < batches.size(); ++i) EXPECT_EQ(batches[i].size(), 8u);
  EXPECT_EQ(batches.size(), (WithWindows(corpus).size() + 7) / 8);
}

TEST(PlanEpoch, BatchesByTokensStayBelowTheLimit) {
  const EncodedCorpus corpus = RandomCorpus(200, 2);
  const auto tokens_of = [&](const SentenceBatch& batch) {
    return std::accumulate(batch.begin(), batch.end(), int64_t{0},
                           [&](int64_t sum, int32_t i) { return sum + corpus.sentences[i].tokens; });
  };
  const std::vector<SentenceBatch> batches = PlanEpoch(corpus, {.batch_tokens = 64}, 1);
  for (size_t i = 0; i < batches.size(); ++i) {
    EXPECT_TRUE(tokens_of(batches[i]) <= 64 || batches[i].size() == 1);
    if (i + 1 < batches.size()) {
      EXPECT_GT(tokens_of(batches[i]) + corpus.sentences[batches[i + 1].front()].tokens, 64);
    }
  }
}

TEST(PlanEpoch, OrderFollowsSeedAndEpoch) {
  const EncodedCorpus corpus = RandomCorpus(100, 3);
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
  const EncodedCorpus corpus = RandomCorpus(60, 4);
  const std::vector<int32_t> chosen = WithWindows(corpus);
  const TrainingBatch batch = PackBatch(corpus, chosen);
  std::vector<int64_t> ids, tags;
  int64_t tokens = 0, windows = 0;
  for (const int32_t i : chosen) {
    const NumberedSentence& sentence = corpus.sentences[i];
    tokens += sentence.tokens;
    for (const Window& window : sentence.windows) {
      ++windows;
      for (size_t k = 0; k < window.words.size(); ++k) {
        if (sentence.tags[window.words[k]] == kForeignTag) continue;
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

TEST(TagsOf, ListsOutsideFirst) {
  const std::vector<std::string> labels = {"LOC", "PER"};
  EXPECT_THAT(TagsOf(labels), ElementsAre("O", "B-LOC", "I-LOC", "B-PER", "I-PER"));
}

}  // namespace
}  // namespace fintag
