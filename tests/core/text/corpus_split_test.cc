// SplitCorpus.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "absl/strings/str_cat.h"
#include "core/text/corpus.h"

namespace fintag {
namespace {

// A corpus whose document i has sizes[i] sentences, each of one word with its number.
Corpus CorpusOf(const std::vector<int>& sizes) {
  Corpus corpus;
  corpus.documents = static_cast<int32_t>(sizes.size());
  for (size_t document = 0; document < sizes.size(); ++document) {
    for (int i = 0; i < sizes[document]; ++i) {
      corpus.sentences.push_back({{absl::StrCat(corpus.sentences.size())}, {"O"}, static_cast<int32_t>(document), 1});
    }
  }
  return corpus;
}

std::vector<int> Numbers(const Corpus& corpus) {
  std::vector<int> numbers;
  for (const Sentence& sentence : corpus.sentences) numbers.push_back(std::stoi(sentence.words[0]));
  return numbers;
}

TEST(SplitCorpus, SplitsSentencesWhereThereAreNoDocuments) {
  for (int count : {2, 3, 10, 101}) {
    for (double fraction : {0.001, 0.1, 0.5, 0.999}) {
      Corpus corpus = CorpusOf({count});
      corpus.documents = 0;
      const auto parts = SplitCorpus(corpus, fraction, 42);
      ASSERT_TRUE(parts.ok());
      const std::vector<int> first = Numbers(parts->first);
      const std::vector<int> second = Numbers(parts->second);
      EXPECT_EQ(second.size(), std::clamp<size_t>(std::llround(fraction * count), 1, count - 1));
      EXPECT_TRUE(std::is_sorted(first.begin(), first.end()));
      EXPECT_TRUE(std::is_sorted(second.begin(), second.end()));
      std::set<int> all(first.begin(), first.end());
      all.insert(second.begin(), second.end());
      EXPECT_EQ(all.size(), count);
      EXPECT_EQ(parts->second.documents, 0);
    }
  }
}

TEST(SplitCorpus, TakesTheWholeDocumentsThatComeNearest) {
  std::mt19937 random(17);
  for (int round = 0; round < 300; ++round) {
    std::vector<int> sizes(2 + random() % 9);
    for (int& size : sizes) size = static_cast<int>(1 + random() % 40);
    const Corpus corpus = CorpusOf(sizes);
    const auto total = static_cast<int>(corpus.sentences.size());
    const double fraction = 0.01 * static_cast<double>(1 + random() % 99);
    const auto parts = SplitCorpus(corpus, fraction, random());
    ASSERT_TRUE(parts.ok());
    const auto got = static_cast<int>(parts->second.sentences.size());
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
    // Documents stay whole and are numbered without gaps.
    std::set<int> documents;
    for (const Sentence& sentence : parts->second.sentences) documents.insert(sentence.document);
    ASSERT_EQ(static_cast<int32_t>(documents.size()), parts->second.documents);
    ASSERT_EQ(*documents.rbegin() + 1, parts->second.documents);
    ASSERT_EQ(parts->first.documents + parts->second.documents, corpus.documents);
    const std::vector<int> first = Numbers(parts->first);
    for (int number : Numbers(parts->second)) {
      for (int other : first) {
        ASSERT_NE(corpus.sentences[static_cast<size_t>(number)].document,
                  corpus.sentences[static_cast<size_t>(other)].document);
      }
    }
  }
}

TEST(SplitCorpus, SplitsManyDocumentsQuickly) {
  std::vector<int> sizes(100000);
  std::mt19937 random(18);
  for (int& size : sizes) size = static_cast<int>(1 + random() % 10);
  const Corpus corpus = CorpusOf(sizes);
  const auto parts = SplitCorpus(corpus, 0.1, 1);
  ASSERT_TRUE(parts.ok());
  EXPECT_EQ(parts->second.sentences.size(), std::llround(0.1 * static_cast<double>(corpus.sentences.size())));
}

TEST(SplitCorpus, DependsOnTheSeedAlone) {
  const Corpus corpus = CorpusOf(std::vector<int>(50, 3));
  const auto one = SplitCorpus(corpus, 0.2, 1);
  EXPECT_EQ(Numbers(one->second), Numbers(SplitCorpus(corpus, 0.2, 1)->second));
  EXPECT_NE(Numbers(one->second), Numbers(SplitCorpus(corpus, 0.2, 2)->second));
}

TEST(SplitCorpus, FallsBackToSentencesInASingleDocument) {
  const Corpus corpus = CorpusOf({10});
  const auto parts = SplitCorpus(corpus, 0.3, 5);
  EXPECT_EQ(parts->second.sentences.size(), 3);
  EXPECT_EQ(parts->second.documents, 1);
}

TEST(SplitCorpus, NamesTheLabelsOfEachPart) {
  Corpus corpus;
  corpus.documents = 2;
  corpus.labels = {"A", "B"};
  corpus.scheme = TagScheme::kIo;
  corpus.sentences = {{{"x"}, {"B-A"}, 0, 1}, {{"y"}, {"B-B"}, 1, 3}};
  const auto parts = SplitCorpus(corpus, 0.5, 9);
  EXPECT_EQ(parts->first.labels.size(), 1);
  EXPECT_EQ(parts->second.labels.size(), 1);
  EXPECT_NE(parts->first.labels, parts->second.labels);
  EXPECT_EQ(parts->second.scheme, TagScheme::kIo);
}

TEST(SplitCorpus, RejectsWhatCannotBeSplit) {
  EXPECT_EQ(SplitCorpus(CorpusOf({1}), 0.5, 1).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(SplitCorpus(Corpus(), 0.5, 1).status().code(), absl::StatusCode::kInvalidArgument);
  for (double fraction : {0.0, 1.0, -1.0, 2.0, std::nan("")}) {
    EXPECT_EQ(SplitCorpus(CorpusOf({5, 5}), fraction, 1).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace fintag
