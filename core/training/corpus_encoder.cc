#include "core/training/corpus_encoder.h"

#include "absl/strings/str_cat.h"
#include "core/tagging/windows.h"

namespace fintag {

std::vector<std::string> TagsOf(std::span<const std::string> labels) {
  std::vector<std::string> tags = {"O"};
  for (const std::string& label : labels) {
    tags.push_back(absl::StrCat("B-", label));
    tags.push_back(absl::StrCat("I-", label));
  }
  return tags;
}

CorpusEncoder::CorpusEncoder(const WordPieceTokenizer& tokenizer, int64_t max_positions,
                             std::span<const std::string> tags)
    : tokenizer_(tokenizer), max_positions_(max_positions) {
  for (size_t i = 0; i < tags.size(); ++i) tag_numbers_[tags[i]] = static_cast<int32_t>(i);
}

absl::Status CorpusEncoder::Add(const Sentence& sentence, Texts texts, TokenCacheWriter& cache) {
  tokens_.clear();
  if (absl::Status status = tokenizer_.EncodeWords(sentence.words, tokens_); !status.ok()) {
    return absl::Status(status.code(), absl::StrCat("sentence at line ", sentence.line, ": ", status.message()));
  }
  tags_.clear();
  for (const std::string& tag : sentence.tags) tags_.push_back(tag_numbers_.at(tag));
  return cache.Append(MakeWindows(tokens_, tokenizer_.special_tokens(), max_positions_), tags_,
                      texts == Texts::kKeep ? std::span(sentence.words) : std::span<const std::string>());
}

}  // namespace fintag
