// SplitCorpus.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "core/text/corpus_file.h"

namespace fintag {
namespace {

// A corpus whose document i has sizes[i] sentences, without labels.
CorpusFile CorpusOf(const std::vector<int>& sizes) {
  CorpusFile corpus;
  corpus.label_sets = {{}};
  corpus.documents = static_cast<int32_t>(sizes.size());
  for (size_t document = 0; document < sizes.size(); ++document) {
    corpus.sentences.insert(corpus.sentences.end(), static_cast<size_t>(sizes[document]),
                            {static_cast<int32_t>(document), 0});
  }
  return corpus;
}

TEST(SplitCorpus, SplitsSentencesWhereThereAreNoDocuments) {
  for (int count : {2, 3, 10, 101}) {
    for (double fraction : {0.001, 0.1, 0.5, 0.999}) {
      CorpusFile corpus = CorpusOf({count});
      corpus.documents = 0;
      const auto split = SplitCorpus(corpus, fraction, 42);
      ASSERT_TRUE(split.ok());
      ASSERT_EQ(split->second.size(), count);
      EXPECT_EQ(split->second_sentences, std::clamp<int64_t>(std::llround(fraction * count), 1, count - 1));
      EXPECT_EQ(split->second_sentences, std::count(split->second.begin(), split->second.end(), true));
    }
  }
}

TEST(SplitCorpus, TakesTheWholeDocumentsThatComeNearest) {
  std::mt19937 random(17);
  for (int round = 0; round < 300; ++round) {
    std::vector<int> sizes(2 + random() % 9);
    for (int& size : sizes) size = static_cast<int>(1 + random() % 40);
    const CorpusFile corpus = CorpusOf(sizes);
    const auto total = static_cast<int>(corpus.sentences.size());
    const double fraction = 0.01 * static_cast<double>(1 + random() % 99);
    const auto split = SplitCorpus(corpus, fraction, random());
    ASSERT_TRUE(split.ok());
    const auto got = static_cast<int>(split->second_sentences);
    ASSERT_GT(got, 0);
    ASSERT_LT(got, total);
    // Every choice of documents that leaves none of the parts empty.
    const auto target = static_cast<int>(std::llround(fraction * total));
    int best = total;
    for (size_t set = 1; set + 1 < (size_t{1} << sizes.size()); ++set) {
      int sum = 0;
      for (size_t i = 0; i < sizes.size(); ++i) sum += (set >> i & 1) != 0 ? sizes[i] : 0;
      best = std::min(best, std::abs(sum - target));
    }
    // A target of no or of all sentences counts as one sentence more or less.
    ASSERT_LE(std::abs(got - target), best + (target == 0 || target == total ? 1 : 0));
    // Documents stay whole.
    for (size_t i = 1; i < corpus.sentences.size(); ++i) {
      if (corpus.sentences[i].document == corpus.sentences[i - 1].document) {
        ASSERT_EQ(split->second[i], split->second[i - 1]);
      }
    }
  }
}

TEST(SplitCorpus, SplitsManyDocumentsQuickly) {
  std::vector<int> sizes(100000);
  std::mt19937 random(18);
  for (int& size : sizes) size = static_cast<int>(1 + random() % 10);
  const CorpusFile corpus = CorpusOf(sizes);
  const auto split = SplitCorpus(corpus, 0.1, 1);
  ASSERT_TRUE(split.ok());
  EXPECT_EQ(split->second_sentences, std::llround(0.1 * static_cast<double>(corpus.sentences.size())));
}

TEST(SplitCorpus, DependsOnTheSeedAlone) {
  const CorpusFile corpus = CorpusOf(std::vector<int>(50, 3));
  const auto one = SplitCorpus(corpus, 0.2, 1);
  EXPECT_EQ(one->second, SplitCorpus(corpus, 0.2, 1)->second);
  EXPECT_NE(one->second, SplitCorpus(corpus, 0.2, 2)->second);
}

TEST(SplitCorpus, FallsBackToSentencesInASingleDocument) {
  const CorpusFile corpus = CorpusOf({10});
  const auto split = SplitCorpus(corpus, 0.3, 5);
  EXPECT_EQ(split->second_sentences, 3);
}

TEST(SplitCorpus, NamesTheLabelsOfEachPart) {
  CorpusFile corpus = CorpusOf({1, 1});
  corpus.label_sets = {{"A", "C"}, {"B", "C"}};
  corpus.sentences[1].label_set = 1;
  const auto split = SplitCorpus(corpus, 0.5, 9);
  const size_t second = split->second[1] ? 1 : 0;
  EXPECT_EQ(split->first_labels, corpus.label_sets[1 - second]);
  EXPECT_EQ(split->second_labels, corpus.label_sets[second]);
}

TEST(SplitCorpus, RejectsWhatCannotBeSplit) {
  EXPECT_EQ(SplitCorpus(CorpusOf({1}), 0.5, 1).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(SplitCorpus(CorpusFile(), 0.5, 1).status().code(), absl::StatusCode::kInvalidArgument);
  for (double fraction : {0.0, 1.0, -1.0, 2.0, std::nan("")}) {
    EXPECT_EQ(SplitCorpus(CorpusOf({5, 5}), fraction, 1).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace fintag
