// Tokeniser throughput in bytes of text a second, one thread. tokenizer_benchmark.py runs the `tokenizers` library over
// the same text.
//
//     tokenizer_benchmark --model FOLDER --corpus FILE...
//
// FOLDER is a checkpoint folder; the corpora are CoNLL files, whose sentences are encoded as words, as one text each,
// and split into words first.
#include <fstream>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "benchmark/benchmark.h"
#include "core/text/word_splitter.h"
#include "core/text/wordpiece_tokenizer.h"

namespace fintag {
namespace {

struct Sentences {
  std::vector<std::vector<std::string>> words;
  std::vector<std::string> texts;
  int64_t bytes = 0;  // of the texts
};

void AddCorpus(const std::string& path, Sentences& sentences) {
  std::ifstream stream(path);
  std::vector<std::string> words;
  const auto finish = [&] {
    if (words.empty()) return;
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
    sentences.bytes += static_cast<int64_t>(text.size());
    sentences.texts.push_back(std::move(text));
    sentences.words.push_back(std::move(words));
    words.clear();
  };
  for (std::string line; std::getline(stream, line);) {
    const std::string word = line.substr(0, line.find_first_of(" \t\r"));
    if (word.empty()) {
      finish();
    } else if (word != "-DOCSTART-") {
      words.push_back(word);
    }
  }
  finish();
}

void Words(benchmark::State& state, const WordPieceTokenizer& tokenizer, const Sentences& sentences) {
  std::vector<Token> tokens;
  for (auto _ : state) {
    for (const auto& words : sentences.words) {
      tokens.clear();
      if (!tokenizer.EncodeWords(words, tokens).ok()) state.SkipWithError("not UTF-8");
      benchmark::DoNotOptimize(tokens.data());
    }
  }
  state.SetBytesProcessed(state.iterations() * sentences.bytes);
}

void Text(benchmark::State& state, const WordPieceTokenizer& tokenizer, const Sentences& sentences) {
  std::vector<Token> tokens;
  for (auto _ : state) {
    for (const std::string& text : sentences.texts) {
      tokens.clear();
      if (!tokenizer.EncodeText(text, tokens).ok()) state.SkipWithError("not UTF-8");
      benchmark::DoNotOptimize(tokens.data());
    }
  }
  state.SetBytesProcessed(state.iterations() * sentences.bytes);
}

void Split(benchmark::State& state, const Sentences& sentences) {
  for (auto _ : state) {
    for (const std::string& text : sentences.texts) {
      const auto words = SplitWords(text);
      if (!words.ok()) state.SkipWithError("not UTF-8");
      benchmark::DoNotOptimize(words);
    }
  }
  state.SetBytesProcessed(state.iterations() * sentences.bytes);
}

}  // namespace
}  // namespace fintag

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  std::string model;
  fintag::Sentences sentences;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--model" && i + 1 < argc) {
      model = argv[++i];
    } else if (argument != "--corpus") {
      fintag::AddCorpus(argv[i], sentences);
    }
  }
  if (model.empty() || sentences.texts.empty()) {
    std::cerr << "usage: tokenizer_benchmark --model FOLDER --corpus FILE...\n";
    return 2;
  }
  const auto tokenizer = fintag::WordPieceTokenizer::Load(model);
  if (!tokenizer.ok()) {
    std::cerr << tokenizer.status() << "\n";
    return 1;
  }
  benchmark::RegisterBenchmark("EncodeWords",
                               [&](benchmark::State& state) { fintag::Words(state, **tokenizer, sentences); });
  benchmark::RegisterBenchmark("EncodeText",
                               [&](benchmark::State& state) { fintag::Text(state, **tokenizer, sentences); });
  benchmark::RegisterBenchmark("SplitWords", [&](benchmark::State& state) { fintag::Split(state, sentences); });
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
