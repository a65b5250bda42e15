// What the files of a checkpoint folder say about its tokenizer: `tokenizer.json`, or `vocab.txt` with
// `tokenizer_config.json`. Read here, checked here, built into a WordPieceTokenizer elsewhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/text/added_tokens.h"
#include "core/text/bert_normalizer.h"

namespace fintag {

// The largest vocabularies have half as many. A file of a few bytes a piece must not fill the memory.
inline constexpr size_t kMostPieces = 1'000'000;
// Of tokenizer.json's max_input_chars_per_word: a word takes time quadratic in its characters.
inline constexpr int64_t kLongestWord = 1000;

struct TokenizerDefinition {
  std::string file;  // that the vocabulary comes from, for errors
  BertNormalizerOptions normalizer;

  // WordPiece.
  std::vector<std::pair<std::string, int32_t>> vocabulary;  // of equal pieces the last counts
  std::string unknown = "[UNK]";
  std::string continuing_prefix = "##";
  int64_t max_characters_per_word = 100;  // a longer word is [UNK]

  std::vector<AddedToken> added;  // with the id that the file states, kNoToken where it states none

  // Names of the special tokens.
  std::string classifier = "[CLS]";
  std::string separator = "[SEP]";
  std::string padding = "[PAD]";
};

// The definition in a folder. NOT_FOUND if it has neither file; INVALID_ARGUMENT names file and field.
absl::StatusOr<TokenizerDefinition> ReadTokenizerDefinition(const std::filesystem::path& folder);

// The same from bytes; `file` is for errors.
absl::StatusOr<TokenizerDefinition> ParseTokenizerJson(std::string_view bytes, std::string_view file);

// `config_bytes` may be empty, where the folder has no tokenizer_config.json.
absl::StatusOr<TokenizerDefinition> ParseVocabularyText(std::string_view vocabulary_bytes,
                                                        std::string_view config_bytes);

// Reads the names of [CLS], [SEP] and [PAD] where tokenizer_config.json has them.
absl::Status ReadSpecialNames(std::string_view config_bytes, TokenizerDefinition& definition);

}  // namespace fintag
