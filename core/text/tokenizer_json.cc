// tokenizer.json of the `tokenizers` library, version 1.0: the parts that a BERT tokenizer has. Truncation, padding and
// post-processor are not ours to follow: the product makes its own windows and always frames them by [CLS] and [SEP].
#include <utility>

#include "core/text/strings.h"
#include "core/text/tokenizer_definition.h"
#include "core/text/tokenizer_fields.h"

namespace fintag {
namespace {

absl::Status ReadNormalizer(const JsonFields& root, BertNormalizerOptions& options) {
  const auto fields = root.Object("normalizer");
  if (!fields.ok()) return fields.status();
  std::string type;
  if (const auto status = fields->Read("type", type); !status.ok()) return status;
  if (type != "BertNormalizer") {
    return fields->Error("type", StrCat("is '", type, "'; only 'BertNormalizer' is supported"));
  }
  if (const auto status = fields->Read("clean_text", options.clean_text); !status.ok()) return status;
  if (const auto status = fields->Read("handle_chinese_chars", options.handle_chinese_chars); !status.ok()) {
    return status;
  }
  if (const auto status = fields->Read("lowercase", options.lowercase); !status.ok()) return status;
  options.strip_accents.reset();
  if (fields->Find("strip_accents") == nullptr) return absl::OkStatus();
  bool strip_accents = false;
  if (const auto status = fields->Read("strip_accents", strip_accents); !status.ok()) return status;
  options.strip_accents = strip_accents;
  return absl::OkStatus();
}

absl::Status CheckPreTokenizer(const JsonFields& root) {
  const auto fields = root.Object("pre_tokenizer");
  if (!fields.ok()) return fields.status();
  std::string type;
  if (const auto status = fields->Read("type", type); !status.ok()) return status;
  if (type == "BertPreTokenizer") return absl::OkStatus();
  return fields->Error("type", StrCat("is '", type, "'; only 'BertPreTokenizer' is supported"));
}

absl::Status ReadModel(const JsonFields& root, TokenizerDefinition& definition) {
  const auto fields = root.Object("model");
  if (!fields.ok()) return fields.status();
  std::string type = "WordPiece";  // old files leave it out
  if (fields->Find("type") != nullptr) {
    if (const auto status = fields->Read("type", type); !status.ok()) return status;
  }
  if (type != "WordPiece") {
    return fields->Error("type", StrCat("is '", type, "'; only 'WordPiece' is supported"));
  }
  if (const auto status = fields->Read("unk_token", definition.unknown); !status.ok()) return status;
  if (const auto status = fields->Read("continuing_subword_prefix", definition.continuing_prefix); !status.ok()) {
    return status;
  }
  if (const auto status = fields->Read("max_input_chars_per_word", definition.max_characters_per_word); !status.ok()) {
    return status;
  }
  if (definition.max_characters_per_word < 0 || definition.max_characters_per_word > kLongestWord) {
    return fields->Error("max_input_chars_per_word", StrCat("must be 0 to ", kLongestWord));
  }

  const auto vocabulary = fields->Object("vocab");
  if (!vocabulary.ok()) return vocabulary.status();
  if (vocabulary->json().size() > kMostPieces) {
    return fields->Error("vocab", StrCat("has more than ", kMostPieces, " pieces"));
  }
  definition.vocabulary.reserve(vocabulary->json().size());
  for (const auto& [piece, json] : vocabulary->json().items()) {
    const bool whole = json.is_number_unsigned() && json.get<uint64_t>() <= uint64_t{INT32_MAX};
    if (!whole) return vocabulary->Error(StrCat("'", piece, "'"), "must be a whole number, not negative");
    definition.vocabulary.emplace_back(piece, json.get<int32_t>());
  }
  return absl::OkStatus();
}

absl::Status ReadAddedTokens(const JsonFields& root, std::vector<AddedToken>& added) {
  const nlohmann::json* list = root.Find("added_tokens");
  if (list == nullptr) return absl::OkStatus();
  if (!list->is_array()) return root.Error("added_tokens", "must be an array");
  for (size_t i = 0; i < list->size(); ++i) {
    const std::string name = StrCat("added_tokens[", i, "]");
    if (!(*list)[i].is_object()) return root.Error(name, "must be an object");
    const JsonFields fields((*list)[i], StrCat("tokenizer.json: ", name));
    AddedToken token;
    int64_t id = 0;
    if (const auto status = fields.Read("id", id); !status.ok()) return status;
    if (id < 0 || id > INT32_MAX) return fields.Error("id", "must be a row of the vocabulary");
    token.id = static_cast<int32_t>(id);
    if (const auto status = fields.Read("content", token.content); !status.ok()) return status;
    for (const auto& [flag, value] : {std::pair<const char*, bool*>{"single_word", &token.single_word},
                                      {"lstrip", &token.lstrip},
                                      {"rstrip", &token.rstrip},
                                      {"normalized", &token.normalized},
                                      {"special", &token.special}}) {
      if (const auto status = fields.Read(flag, *value); !status.ok()) return status;
    }
    added.push_back(std::move(token));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TokenizerDefinition> ParseTokenizerJson(std::string_view bytes, std::string_view file) {
  const auto json = ParseJsonObject(bytes, file);
  if (!json.ok()) return json.status();
  const JsonFields root(*json, StrCat(file, ":"));
  TokenizerDefinition definition;
  definition.file = file;
  if (root.Find("version") != nullptr) {
    std::string version;
    if (const auto status = root.Read("version", version); !status.ok()) return status;
    if (version != "1.0") return root.Error("version", StrCat("is '", version, "'; only '1.0' is supported"));
  }
  if (const auto status = ReadNormalizer(root, definition.normalizer); !status.ok()) return status;
  if (const auto status = CheckPreTokenizer(root); !status.ok()) return status;
  if (const auto status = ReadModel(root, definition); !status.ok()) return status;
  if (const auto status = ReadAddedTokens(root, definition.added); !status.ok()) return status;
  return definition;
}

}  // namespace fintag
