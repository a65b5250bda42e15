// BERT's normaliser, pre-tokenizer and WordPiece model, exactly as the `tokenizers` library has them
// (BertNormalizer, BertPreTokenizer, WordPiece). First step of tagging and of training.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace fintag {

struct TokenizerDefinition;

// One WordPiece.
struct Token {
  int32_t id;     // row of the vocabulary
  int32_t word;   // EncodeWords: index of the given word; EncodeText: index of the pre-tokenizer's word
  int32_t begin;  // code points of the given text, or of the given word in EncodeWords
  int32_t end;    // exclusive

  friend bool operator==(const Token&, const Token&) = default;
};

struct SpecialTokens {
  int32_t unknown = 0;     // [UNK]
  int32_t classifier = 0;  // [CLS], starts every sequence
  int32_t separator = 0;   // [SEP], ends every sequence
  int32_t padding = 0;     // [PAD]
};

// Immutable and safe to use from many threads at once.
class WordPieceTokenizer {
 public:
  // Reads `tokenizer.json`, or else `vocab.txt` with `tokenizer_config.json` where there is one, from a checkpoint
  // folder. NOT_FOUND if neither is there; INVALID_ARGUMENT that names file and field if the file is not a BERT
  // WordPiece tokenizer (another model, normaliser or pre-tokenizer; [UNK], [CLS], [SEP] or [PAD] missing; ids not
  // dense).
  static absl::StatusOr<std::shared_ptr<const WordPieceTokenizer>> Load(const std::filesystem::path& folder);

  // The same from what the files say (tokenizer_definition.h).
  static absl::StatusOr<std::shared_ptr<const WordPieceTokenizer>> Build(TokenizerDefinition definition);

  virtual ~WordPieceTokenizer() = default;

  // Appends the tokens of a running text to `tokens`, without [CLS] and [SEP]. INVALID_ARGUMENT with the byte
  // position if `text` is not UTF-8; `tokens` is then unchanged.
  virtual absl::Status EncodeText(std::string_view text, std::vector<Token>& tokens) const = 0;

  // The same for words that are already split. A word of control characters alone has no token. INVALID_ARGUMENT
  // names the word and the byte position.
  virtual absl::Status EncodeWords(std::span<const std::string> words, std::vector<Token>& tokens) const = 0;

  virtual const SpecialTokens& special_tokens() const = 0;
  virtual int32_t vocabulary_size() const = 0;
  virtual std::string_view TokenText(int32_t id) const = 0;  // of a valid id
};

}  // namespace fintag
