// A corpus as the model sees it: tokens in windows, tags as numbers. Second step of training, behind the reader.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/tagging/windows.h"
#include "core/text/corpus.h"
#include "core/text/wordpiece_tokenizer.h"

namespace fintag {

// A word whose tag is not the model's: scored, but without a loss.
inline constexpr int32_t kForeignTag = -1;

struct NumberedSentence {
  std::vector<Window> windows;  // none where no word has a token
  std::vector<int32_t> tags;    // of each word: index in the model's tags, or kForeignTag
  int64_t tokens = 0;           // over all windows, [CLS] and [SEP] included
};

struct EncodedCorpus {
  std::vector<NumberedSentence> sentences;  // as many as the corpus has, in its order
  int64_t tokens = 0;
  int64_t words = 0;                // owned by windows
  int64_t long_sentences = 0;       // of more than one window
  int64_t words_without_token = 0;  // control characters alone: always "O"
};

// "O", then B-X and I-X of each label.
std::vector<std::string> TagsOf(std::span<const std::string> labels);

// INVALID_ARGUMENT as WordPieceTokenizer::EncodeWords, with the sentence's line.
absl::StatusOr<EncodedCorpus> EncodeCorpus(const Corpus& corpus, const WordPieceTokenizer& tokenizer,
                                           int64_t max_positions, std::span<const std::string> tags);

}  // namespace fintag
