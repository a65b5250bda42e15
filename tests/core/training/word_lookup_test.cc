#include "core/training/word_lookup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/core/training/word_lookup_scores.h"

namespace fintag {
namespace {

Corpus Read(std::string_view bytes) { return ReadCorpus(bytes, "file").value(); }

TEST(WordLookupScores, GivesEachWordItsMostFrequentLabel) {
  const Corpus train = Read("Bank O\n\nBank B-PER\n\nBank B-PER\n\nAcme B-ORG\nInc I-ORG\n");
  const Corpus validation = Read("the O\nBank B-PER\n\nAcme B-ORG\nInc I-ORG\n\nBank O\nParis B-LOC\n");
  const Scores scores = WordLookupScores(train, validation);
  EXPECT_EQ(scores.micro.predicted, 3);
  EXPECT_EQ(scores.micro.correct, 2);
  EXPECT_EQ(scores.micro.support, 3);
  EXPECT_EQ(scores.words, 6);
  EXPECT_DOUBLE_EQ(scores.accuracy, 4.0 / 6);
}

TEST(WordLookupScores, TakesTheFirstLabelAtATie) {
  EXPECT_EQ(WordLookupScores(Read("a B-X\n\na O\n"), Read("a O\n")).micro.predicted, 1);
  EXPECT_EQ(WordLookupScores(Read("a O\n\na B-X\n"), Read("a O\n")).micro.predicted, 0);
  EXPECT_EQ(WordLookupScores(Read("a B-X\n"), Read("A B-X\n")).micro.predicted, 0);
}

TEST(WordLookupScores, JoinsNeighboursOfOneLabel) {
  const Scores scores =
      WordLookupScores(Read("a B-X\nb I-X\n\nc B-Y\n"), Read("b B-X\na I-X\nc B-Y\n\nc B-Y\nc B-Y\n"));
  EXPECT_EQ(scores.micro.predicted, 3);
  EXPECT_EQ(scores.micro.correct, 2);
  EXPECT_DOUBLE_EQ(scores.accuracy, 4.0 / 5);
}

EntityScores UnseenScores(const Corpus& train, const Corpus& validation, const std::vector<TagSequence>& predicted) {
  const auto views = [](const std::vector<std::string>& texts) {
    return std::vector<std::string_view>(texts.begin(), texts.end());
  };
  SeenEntities seen;
  for (const Sentence& sentence : train.sentences) seen.Learn(sentence);
  UnseenEntityScorer scorer(seen);
  for (size_t i = 0; i < predicted.size(); ++i) {
    const Sentence& sentence = validation.sentences[i];
    scorer.Add(views(sentence.words), views(sentence.tags), views(predicted[i]));
  }
  return scorer.Finish();
}

TEST(UnseenEntityScorer, LeavesOutSurfaceFormsOfTraining) {
  const Corpus train = Read("Acme B-ORG\nInc I-ORG\n\nBank B-PER\n");
  const Corpus validation = Read("Acme B-ORG\nInc I-ORG\nof O\nParis B-LOC\n\nBank B-PER\nRome B-LOC\nAcme B-ORG\n");
  const std::vector<TagSequence> predicted = {{"B-ORG", "I-ORG", "B-PER", "B-LOC"}, {"B-ORG", "B-ORG", "O"}};
  // Unseen in gold: Paris, Rome, Acme alone; in the prediction: "of", Paris, Rome.
  const EntityScores scores = UnseenScores(train, validation, predicted);
  EXPECT_EQ(scores.label, "");
  EXPECT_EQ(scores.support, 3);
  EXPECT_EQ(scores.predicted, 3);
  EXPECT_EQ(scores.correct, 1);
  EXPECT_DOUBLE_EQ(scores.f1, 1.0 / 3);
}

TEST(UnseenEntityScorer, EqualsAllScoresWhereTrainingHasNoEntity) {
  const Corpus validation = Read("a B-X\nb I-X\n\nc B-Y\nd O\n");
  const std::vector<TagSequence> predicted = {{"B-X", "I-X"}, {"O", "B-Y"}};
  std::vector<TagSequence> gold;
  for (const Sentence& sentence : validation.sentences) gold.push_back(sentence.tags);
  const EntityScores unseen = UnseenScores(Read("a O\n"), validation, predicted);
  const EntityScores all = ScoreTags(gold, predicted).micro;
  EXPECT_EQ(unseen.support, all.support);
  EXPECT_EQ(unseen.predicted, all.predicted);
  EXPECT_EQ(unseen.correct, all.correct);
  EXPECT_EQ(unseen.f1, all.f1);
}

// The FIN corpus, where it is present: from FIN5 to FIN3.
const std::filesystem::path kFinFolder = FINTAG_FIN;

std::vector<std::string> PresentCorpora() {
  const bool present =
      std::filesystem::exists(kFinFolder / "FIN5.txt") && std::filesystem::exists(kFinFolder / "FIN3.txt");
  return present ? std::vector<std::string>{"FIN"} : std::vector<std::string>{};
}

class FinWordLookup : public testing::TestWithParam<std::string> {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(FinWordLookup);
INSTANTIATE_TEST_SUITE_P(WordLookupScores, FinWordLookup, testing::ValuesIn(PresentCorpora()));

TEST_P(FinWordLookup, IsThePublishedBaseline) {
  const auto read = [](const char* name) {
    std::ifstream stream(kFinFolder / name, std::ios::binary);
    std::stringstream bytes;
    bytes << stream.rdbuf();
    return Read(bytes.str());
  };
  const Corpus train = read("FIN5.txt");
  const Corpus validation = read("FIN3.txt");
  const Scores scores = WordLookupScores(train, validation);
  EXPECT_NEAR(scores.micro.f1, 0.751, 0.0005);
  EXPECT_EQ(scores.micro.support, 318);
  EXPECT_EQ(scores.words, 13246);
}

}  // namespace
}  // namespace fintag
