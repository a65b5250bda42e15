#include "core/training/encoded_corpus.h"

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace fintag {

std::vector<std::string> TagsOf(std::span<const std::string> labels) {
  std::vector<std::string> tags = {"O"};
  for (const std::string& label : labels) {
    tags.push_back(absl::StrCat("B-", label));
    tags.push_back(absl::StrCat("I-", label));
  }
  return tags;
}

absl::StatusOr<EncodedCorpus> EncodeCorpus(const Corpus& corpus, const WordPieceTokenizer& tokenizer,
                                           int64_t max_positions, std::span<const std::string> tags) {
  absl::flat_hash_map<std::string, int32_t> tag_index;
  for (size_t i = 0; i < tags.size(); ++i) tag_index[tags[i]] = static_cast<int32_t>(i);
  EncodedCorpus encoded;
  encoded.sentences.reserve(corpus.sentences.size());
  std::vector<Token> tokens;
  for (const Sentence& sentence : corpus.sentences) {
    tokens.clear();
    if (absl::Status status = tokenizer.EncodeWords(sentence.words, tokens); !status.ok()) {
      return absl::Status(status.code(), absl::StrCat("sentence at line ", sentence.line, ": ", status.message()));
    }
    NumberedSentence& numbered = encoded.sentences.emplace_back();
    numbered.windows = MakeWindows(tokens, tokenizer.special_tokens(), max_positions);
    for (const std::string& tag : sentence.tags) {
      const auto found = tag_index.find(tag);
      numbered.tags.push_back(found == tag_index.end() ? kForeignTag : found->second);
    }
    int64_t owned = 0;
    for (const Window& window : numbered.windows) {
      numbered.tokens += static_cast<int64_t>(window.token_ids.size());
      owned += static_cast<int64_t>(window.words.size());
    }
    encoded.tokens += numbered.tokens;
    encoded.words += owned;
    encoded.long_sentences += numbered.windows.size() > 1;
    encoded.words_without_token += static_cast<int64_t>(sentence.words.size()) - owned;
  }
  return encoded;
}

}  // namespace fintag
