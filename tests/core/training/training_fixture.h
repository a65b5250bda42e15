// What the tests of the training loop start from: a base of a few kilobytes and a corpus that it can learn.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "core/training/trainer.h"
#include "tests/core/model/temporary_folder.h"
#include "tests/core/tagging/tiny_checkpoint.h"

namespace fintag {

// The tag follows from the word: two names of places, one of them of two words, and two of organisations.
inline Corpus LearnableCorpus(int sentences, uint64_t seed, int longest = 14) {
  std::mt19937_64 random(seed);
  const std::vector<std::string> fillers = {"the", "lender", "shall", "pay", "to", ".", ",", "dated", "loan", "and"};
  Corpus corpus;
  corpus.labels = {"LOC", "ORG"};
  for (int i = 0; i < sentences; ++i) {
    Sentence& sentence = corpus.sentences.emplace_back();
    sentence.line = static_cast<int64_t>(i) + 1;
    const auto add = [&](const char* word, const char* tag) {
      sentence.words.emplace_back(word);
      sentence.tags.emplace_back(tag);
    };
    const auto length = 3 + static_cast<int>(random() % (longest - 2));
    while (static_cast<int>(sentence.words.size()) < length) {
      const uint64_t kind = random() % 12;
      if (kind == 0) add("boston", "B-LOC");
      if (kind == 1) add("new", "B-LOC"), add("york", "I-LOC");
      if (kind == 2) add("apple", "B-ORG");
      if (kind == 3) add("bank", "B-ORG");
      if (kind > 3) add(fillers[random() % fillers.size()].c_str(), "O");
    }
  }
  return corpus;
}

class RecordingObserver : public TrainingObserver {
 public:
  void OnStart(const TrainingStart& what) override { start = what; }
  void OnStep(const TrainingProgress& progress) override {
    steps.push_back(progress);
    if (on_step) on_step(progress);
  }
  void OnEpoch(const EpochResult& result) override { epochs.push_back(result); }

  TrainingStart start;
  std::vector<TrainingProgress> steps;
  std::vector<EpochResult> epochs;
  std::function<void(const TrainingProgress&)> on_step;
};

class TrainingTest : public ::testing::Test {
 protected:
  TrainingTest() {
    WriteTinyCheckpoint(base(), {.classifier = false});
    input_.base = base();
    input_.checkpoint = checkpoint();
    input_.train_sha256 = "feed";
    options_.epochs = 2;
    options_.learning_rate = 2e-2;
    options_.device = "cpu";
    options_.threads = 1;
  }

  std::filesystem::path base() const { return folder_.path() / "base"; }
  std::filesystem::path checkpoint() const { return folder_.path() / "checkpoint"; }

  // The input, its corpora in files.
  const TrainingInput& Input() {
    input_.train = Written("train.jsonl", train_);
    input_.validation = validation_.sentences.empty() ? CorpusFile() : Written("validation.jsonl", validation_);
    return input_;
  }
  absl::StatusOr<TrainingResult> Run() { return Train(Input(), options_, observer_ = RecordingObserver(), stop_); }
  std::string Weights() const { return ReadFile(checkpoint() / "model.safetensors"); }

  CorpusFile Written(const std::string& name, const Corpus& corpus) {
    const std::filesystem::path path = folder_.path() / name;
    WriteFile(path, WriteJsonLines(corpus));
    absl::StatusOr<CorpusFile> file = CheckCorpusFile(path, name);
    EXPECT_TRUE(file.ok()) << file.status();
    return file.ok() ? *std::move(file) : CorpusFile();
  }

  TemporaryFolder folder_;
  Corpus train_ = LearnableCorpus(60, 1);
  Corpus validation_ = LearnableCorpus(20, 2);
  TrainingInput input_;  // without the corpora: Input() has all
  TrainingOptions options_;
  RecordingObserver observer_;
  std::atomic<bool> stop_ = false;
};

}  // namespace fintag
