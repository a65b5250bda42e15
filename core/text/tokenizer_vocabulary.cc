// vocab.txt (a piece a line, its id is its line) with tokenizer_config.json, read as transformers' BertTokenizer reads
// them.
#include <algorithm>
#include <fstream>
#include <map>
#include <system_error>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/numbers.h"
#include "core/text/strings.h"
#include "core/text/tokenizer_definition.h"
#include "core/text/tokenizer_fields.h"
#include "core/text/utf8.h"

namespace fintag {
namespace {

constexpr std::string_view kVocabularyFile = "vocab.txt";
constexpr std::string_view kTokenizerFile = "tokenizer.json";
constexpr std::string_view kAddedTokensFile = "added_tokens.json";
constexpr uintmax_t kLargestFile = 32 << 20;  // bytes; half a million pieces take 14 MB

absl::StatusOr<std::string> ReadSmallFile(const std::filesystem::path& folder, std::string_view name) {
  const std::filesystem::path path = folder / name;
  std::error_code error;
  const uintmax_t size = std::filesystem::file_size(path, error);
  if (error) return absl::InvalidArgumentError(StrCat(name, ": cannot be read: ", error.message()));
  if (size > kLargestFile) {
    return absl::InvalidArgumentError(
        StrCat(name, ": has ", size, " bytes; a tokenizer file has ", kLargestFile, " at most"));
  }
  std::string bytes(size, '\0');
  std::ifstream stream(path, std::ios::binary);
  stream.read(bytes.data(), static_cast<std::streamsize>(size));
  if (!stream) return absl::InvalidArgumentError(StrCat(name, ": cannot be read"));
  return bytes;
}

bool Exists(const std::filesystem::path& folder, std::string_view name) {
  std::error_code error;
  return std::filesystem::exists(folder / name, error);
}

// A token is a string or an object with `content` and the flags of an added token.
absl::Status ReadToken(const JsonFields& owner, std::string_view name, const nlohmann::json& json, AddedToken& token) {
  if (json.is_string()) {
    token.content = json.get<std::string>();
    token.special = true;
    token.normalized = false;
    return absl::OkStatus();
  }
  if (!json.is_object()) return owner.Error(name, "must be a string or an object");
  const JsonFields fields(json, StrCat(kTokenizerConfigFile, ": ", name));
  if (const auto status = fields.Read("content", token.content); !status.ok()) return status;
  if (fields.Find("special") != nullptr) {
    if (const auto status = fields.Read("special", token.special); !status.ok()) return status;
  }
  token.normalized = !token.special;
  for (const auto& [flag, value] : {std::pair<const char*, bool*>{"single_word", &token.single_word},
                                    {"lstrip", &token.lstrip},
                                    {"rstrip", &token.rstrip},
                                    {"normalized", &token.normalized}}) {
    if (fields.Find(flag) == nullptr) continue;
    if (const auto status = fields.Read(flag, *value); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status ReadVocabularyLines(std::string_view bytes, TokenizerDefinition& definition) {
  if (const auto status = ValidateUtf8(bytes); !status.ok()) {
    return absl::InvalidArgumentError(StrCat(kVocabularyFile, ": ", status.message()));
  }
  for (size_t begin = 0; begin < bytes.size();) {
    if (definition.vocabulary.size() == kMostPieces) {
      return absl::InvalidArgumentError(StrCat(kVocabularyFile, ": has more than ", kMostPieces, " lines"));
    }
    const size_t end = std::min(bytes.find_first_of("\r\n", begin), bytes.size());
    definition.vocabulary.emplace_back(bytes.substr(begin, end - begin),
                                       static_cast<int32_t>(definition.vocabulary.size()));
    begin = end + (bytes.substr(end, 2) == "\r\n" ? 2 : 1);
  }
  if (definition.vocabulary.empty()) return absl::InvalidArgumentError(StrCat(kVocabularyFile, ": is empty"));
  return absl::OkStatus();
}

absl::Status ReadOptions(const JsonFields& root, TokenizerDefinition& definition) {
  BertNormalizerOptions& options = definition.normalizer;
  for (const auto& [name, value] : {std::pair<const char*, bool*>{"do_lower_case", &options.lowercase},
                                    {"tokenize_chinese_chars", &options.handle_chinese_chars}}) {
    if (root.Find(name) == nullptr) continue;
    if (const auto status = root.Read(name, *value); !status.ok()) return status;
  }
  if (root.Find("strip_accents") != nullptr) {
    bool strip_accents = false;
    if (const auto status = root.Read("strip_accents", strip_accents); !status.ok()) return status;
    options.strip_accents = strip_accents;
  }
  const nlohmann::json* never_split = root.Find("never_split");
  if (never_split != nullptr && !(never_split->is_array() && never_split->empty())) {
    return root.Error("never_split", "is not supported; give such tokens as added tokens in tokenizer.json");
  }
  return absl::OkStatus();
}

// `added_tokens_decoder`: {"100": {"content": "[UNK]", ...}, ...}, in the order of the ids.
absl::Status ReadAddedTokensDecoder(const JsonFields& root, std::vector<AddedToken>& added) {
  const nlohmann::json* decoder = root.Find("added_tokens_decoder");
  if (decoder == nullptr) return absl::OkStatus();
  if (!decoder->is_object()) return root.Error("added_tokens_decoder", "must be an object");
  std::map<int32_t, AddedToken> by_id;
  for (const auto& [key, json] : decoder->items()) {
    const std::string name = StrCat("added_tokens_decoder.", key);
    AddedToken token;
    if (!absl::SimpleAtoi(AbslView(key), &token.id) || token.id < 0) return root.Error(name, "must be named by an id");
    if (!json.is_object()) return root.Error(name, "must be an object");
    if (const auto status = ReadToken(root, name, json, token); !status.ok()) return status;
    by_id[token.id] = std::move(token);
  }
  for (auto& [id, token] : by_id) added.push_back(std::move(token));
  return absl::OkStatus();
}

// Named special tokens and `additional_special_tokens`, as far as they are not among `added` yet.
absl::Status AddSpecialTokens(const JsonFields& root, TokenizerDefinition& definition) {
  absl::flat_hash_set<std::string> known;
  for (const AddedToken& token : definition.added) known.insert(token.content);
  absl::flat_hash_set<std::string_view> pieces;
  for (const auto& [piece, id] : definition.vocabulary) pieces.insert(piece);
  std::vector<AddedToken> specials;
  for (const auto& [name, standard] : {std::pair<const char*, const char*>{"bos_token", ""},
                                       {"eos_token", ""},
                                       {"unk_token", "[UNK]"},
                                       {"sep_token", "[SEP]"},
                                       {"pad_token", "[PAD]"},
                                       {"cls_token", "[CLS]"},
                                       {"mask_token", "[MASK]"}}) {
    AddedToken token;
    const nlohmann::json* json = root.Find(name);
    if (json != nullptr) {
      if (const auto status = ReadToken(root, name, *json, token); !status.ok()) return status;
    } else {
      token.content = standard;
    }
    token.special = true;
    if (json == nullptr || json->is_string()) token.normalized = false;
    if (token.content.empty() || (json == nullptr && !pieces.contains(token.content))) continue;
    specials.push_back(std::move(token));
  }
  for (const char* name : {"additional_special_tokens", "extra_special_tokens"}) {
    const nlohmann::json* list = root.Find(name);
    if (list == nullptr || (list->is_object() && list->empty())) continue;
    if (!list->is_array()) return root.Error(name, "must be an array");
    for (const nlohmann::json& json : *list) {
      AddedToken token;
      if (const auto status = ReadToken(root, name, json, token); !status.ok()) return status;
      token.special = true;
      if (!token.content.empty()) specials.push_back(std::move(token));
    }
  }
  for (AddedToken& token : specials) {
    if (!known.insert(token.content).second) continue;
    token.id = kNoToken;
    definition.added.push_back(std::move(token));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadSpecialNames(std::string_view config_bytes, TokenizerDefinition& definition) {
  const auto json = ParseJsonObject(config_bytes, kTokenizerConfigFile);
  if (!json.ok()) return json.status();
  const JsonFields root(*json, StrCat(kTokenizerConfigFile, ":"));
  for (const auto& [name, value] : {std::pair<const char*, std::string*>{"cls_token", &definition.classifier},
                                    {"sep_token", &definition.separator},
                                    {"pad_token", &definition.padding}}) {
    const nlohmann::json* field = root.Find(name);
    if (field == nullptr) continue;
    AddedToken token;
    if (const auto status = ReadToken(root, name, *field, token); !status.ok()) return status;
    *value = token.content;
  }
  return absl::OkStatus();
}

absl::StatusOr<TokenizerDefinition> ParseVocabularyText(std::string_view vocabulary_bytes,
                                                        std::string_view config_bytes) {
  TokenizerDefinition definition;
  definition.file = kVocabularyFile;
  if (const auto status = ReadVocabularyLines(vocabulary_bytes, definition); !status.ok()) return status;
  if (config_bytes.empty()) config_bytes = "{}";
  const auto json = ParseJsonObject(config_bytes, kTokenizerConfigFile);
  if (!json.ok()) return json.status();
  const JsonFields root(*json, StrCat(kTokenizerConfigFile, ":"));
  if (const auto status = ReadOptions(root, definition); !status.ok()) return status;
  if (const nlohmann::json* unknown = root.Find("unk_token"); unknown != nullptr) {
    AddedToken token;
    if (const auto status = ReadToken(root, "unk_token", *unknown, token); !status.ok()) return status;
    definition.unknown = token.content;
  }
  if (const auto status = ReadSpecialNames(config_bytes, definition); !status.ok()) return status;
  if (const auto status = ReadAddedTokensDecoder(root, definition.added); !status.ok()) return status;
  if (const auto status = AddSpecialTokens(root, definition); !status.ok()) return status;
  return definition;
}

absl::StatusOr<TokenizerDefinition> ReadTokenizerDefinition(const std::filesystem::path& folder) {
  std::string config;
  if (Exists(folder, kTokenizerConfigFile)) {
    auto bytes = ReadSmallFile(folder, kTokenizerConfigFile);
    if (!bytes.ok()) return bytes.status();
    config = *std::move(bytes);
  }
  if (Exists(folder, kTokenizerFile)) {
    const auto bytes = ReadSmallFile(folder, kTokenizerFile);
    if (!bytes.ok()) return bytes.status();
    auto definition = ParseTokenizerJson(*bytes, kTokenizerFile);
    if (!definition.ok() || config.empty()) return definition;
    if (const auto status = ReadSpecialNames(config, *definition); !status.ok()) return status;
    return definition;
  }
  if (!Exists(folder, kVocabularyFile)) {
    return absl::NotFoundError(StrCat(folder.string(), " has neither ", kTokenizerFile, " nor ", kVocabularyFile));
  }
  if (Exists(folder, kAddedTokensFile)) {
    return absl::InvalidArgumentError(
        StrCat(kAddedTokensFile, ": is not supported beside vocab.txt; save the tokenizer with its tokenizer.json"));
  }
  const auto bytes = ReadSmallFile(folder, kVocabularyFile);
  if (!bytes.ok()) return bytes.status();
  return ParseVocabularyText(*bytes, config);
}

}  // namespace fintag
