// A trained-looking checkpoint of a few kilobytes, written by the tests themselves: folders in Hugging Face layout with
// random weights, independent of the product's own writer.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace fintag {

struct TinyCheckpoint {
  std::vector<std::string> tags = {"O", "B-LOC", "I-LOC", "B-ORG", "I-ORG"};
  int64_t max_positions = 24;
  bool classifier = true;               // false: a base encoder, without id2label
  int64_t missing_vocabulary_rows = 0;  // rows of the embedding fewer than tokens in vocab.txt
  uint64_t seed = 7;
};

// The words of its vocabulary, each one token; "##a" to "##e" are pieces, and so "zabc" has four tokens.
std::vector<std::string> TinyVocabularyWords();

// Writes config.json, vocab.txt, tokenizer_config.json and model.safetensors to `folder`, which is created.
void WriteTinyCheckpoint(const std::filesystem::path& folder, const TinyCheckpoint& checkpoint = {});

}  // namespace fintag
