// Turns sentences into what the model sees of them, for the token cache.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "core/text/corpus.h"
#include "core/text/wordpiece_tokenizer.h"
#include "core/training/token_cache.h"

namespace fintag {

// "O", then B-X and I-X of each label.
std::vector<std::string> TagsOf(std::span<const std::string> labels);

class CorpusEncoder {
 public:
  // `tags` are numbered in their order. The tokenizer must outlive it.
  CorpusEncoder(const WordPieceTokenizer& tokenizer, int64_t max_positions, std::span<const std::string> tags);

  // Whether the cache keeps the words, for scores that need them.
  enum class Texts { kLeave, kKeep };

  // Every tag of the sentence must be among the tags. INVALID_ARGUMENT as WordPieceTokenizer::EncodeWords, with the
  // sentence's line; other errors are the cache's.
  absl::Status Add(const Sentence& sentence, Texts texts, TokenCacheWriter& cache);

 private:
  const WordPieceTokenizer& tokenizer_;
  const int64_t max_positions_;
  absl::flat_hash_map<std::string, int32_t> tag_numbers_;
  std::vector<Token> tokens_;  // of the sentence at hand
  std::vector<int32_t> tags_;
};

}  // namespace fintag
