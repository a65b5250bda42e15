#include "core/text/wordpiece_tokenizer.h"

#include <algorithm>
#include <utility>

#include "core/text/added_tokens.h"
#include "core/text/bert_normalizer.h"
#include "core/text/piece_trie.h"
#include "core/text/strings.h"
#include "core/text/tokenizer_definition.h"
#include "core/text/tokenizer_ids.h"
#include "core/text/unicode_tables.h"
#include "core/text/utf8.h"

namespace fintag {
namespace {

// Buffers of one call.
struct Workspace {
  NormalizedText normalized;
  std::vector<TextPart> given_parts;       // of the text as given
  std::vector<TextPart> normalized_parts;  // of a part's normalised form
};

class Tokenizer final : public WordPieceTokenizer {
 public:
  Tokenizer(const TokenizerDefinition& definition, std::vector<std::string> texts, const SpecialTokens& special_tokens,
            AddedTokenFinder given_finder, AddedTokenFinder normalized_finder)
      : normalizer_(definition.normalizer),
        given_finder_(std::move(given_finder)),
        normalized_finder_(std::move(normalized_finder)),
        pieces_(Entries(definition)),
        continuing_(pieces_.Descend(PieceTrie::kRoot, definition.continuing_prefix)),
        max_characters_per_word_(definition.max_characters_per_word),
        special_tokens_(special_tokens),
        texts_(std::move(texts)) {}

  absl::Status EncodeText(std::string_view text, std::vector<Token>& tokens) const override {
    if (text.size() > size_t{INT32_MAX}) return absl::InvalidArgumentError("a text of more than 2 GiB");
    if (auto status = ValidateUtf8(text); !status.ok()) return status;
    Workspace workspace;
    int32_t word = 0;
    Encode(text, /*one_word=*/false, word, workspace, tokens);
    return absl::OkStatus();
  }

  absl::Status EncodeWords(std::span<const std::string> words, std::vector<Token>& tokens) const override {
    if (words.size() > size_t{INT32_MAX}) return absl::InvalidArgumentError("more than 2,147,483,647 words");
    for (size_t i = 0; i < words.size(); ++i) {
      if (words[i].size() > size_t{INT32_MAX}) {
        return absl::InvalidArgumentError(StrCat("word ", i, ": more than 2 GiB"));
      }
      const auto status = ValidateUtf8(words[i]);
      if (!status.ok()) return absl::InvalidArgumentError(StrCat("word ", i, ": ", status.message()));
    }
    Workspace workspace;
    for (int32_t word = 0; word < static_cast<int32_t>(words.size()); ++word) {
      int32_t index = word;
      Encode(words[static_cast<size_t>(word)], /*one_word=*/true, index, workspace, tokens);
    }
    return absl::OkStatus();
  }

  const SpecialTokens& special_tokens() const override { return special_tokens_; }
  int32_t vocabulary_size() const override { return static_cast<int32_t>(texts_.size()); }
  std::string_view TokenText(int32_t id) const override { return texts_[static_cast<size_t>(id)]; }

 private:
  // Of equal pieces the last counts, so they go in backwards.
  static std::vector<PieceTrie::Entry> Entries(const TokenizerDefinition& definition) {
    return {definition.vocabulary.rbegin(), definition.vocabulary.rend()};
  }

  // Appends the tokens of valid UTF-8. `word` is theirs if `one_word`, else the first word's, and is moved on.
  void Encode(std::string_view text, bool one_word, int32_t& word, Workspace& workspace,
              std::vector<Token>& tokens) const {
    given_finder_.Split(text, workspace.given_parts);
    size_t byte = 0;
    int32_t code_point = 0;  // number of the one at `byte`
    const auto code_point_at = [&](size_t position) {
      if (position < byte) byte = 0, code_point = 0;
      code_point += static_cast<int32_t>(CountCodePoints(text.substr(byte, position - byte)));
      byte = position;
      return code_point;
    };
    for (const TextPart& part : workspace.given_parts) {
      const int32_t begin = code_point_at(part.begin);
      if (part.id != kNoToken) {
        tokens.push_back({part.id, word, begin, code_point_at(part.end)});
        if (!one_word) ++word;
        continue;
      }
      workspace.normalized.Clear();
      normalizer_.Append(text.substr(part.begin, part.end - part.begin), begin, workspace.normalized);
      EncodeNormalized(one_word, word, workspace, tokens);
    }
  }

  void EncodeNormalized(bool one_word, int32_t& word, Workspace& workspace, std::vector<Token>& tokens) const {
    const NormalizedText& normalized = workspace.normalized;
    if (normalized_finder_.empty()) {
      EncodePart(normalized, 0, normalized.bytes.size(), one_word, word, tokens);
      return;
    }
    normalized_finder_.Split(normalized.bytes, workspace.normalized_parts);
    for (const TextPart& part : workspace.normalized_parts) {
      if (part.id == kNoToken) {
        EncodePart(normalized, part.begin, part.end, one_word, word, tokens);
        continue;
      }
      tokens.push_back({part.id, word, normalized.origin[part.begin], normalized.origin[part.end - 1] + 1});
      if (!one_word) ++word;
    }
  }

  // BertPreTokenizer: words end at white space; a punctuation character is a word.
  void EncodePart(const NormalizedText& normalized, size_t begin, size_t end, bool one_word, int32_t& word,
                  std::vector<Token>& tokens) const {
    const std::string_view text = std::string_view(normalized.bytes).substr(0, end);
    size_t start = begin;  // of the word
    const auto finish = [&](size_t stop) {
      if (start == stop) return;
      EncodeWord(normalized, start, stop, word, tokens);
      if (!one_word) ++word;
    };
    for (size_t i = begin; i < end;) {
      const size_t at = i;
      const uint8_t flags = FlagsAt(text, i);
      if (!(flags & (kWhiteSpace | kPunctuation))) continue;
      finish(at);
      start = at;
      if (flags & kPunctuation) finish(i);
      start = i;
    }
    finish(end);
  }

  uint8_t FlagsAt(std::string_view text, size_t& position) const {
    const auto byte = static_cast<unsigned char>(text[position]);
    if (byte >= 0x80) return PropertiesOf(NextCodePoint(text, position)).flags;
    ++position;
    return ascii_flags_[byte];
  }

  // WordPiece: the longest piece that starts what is left, again and again; [UNK] for the whole word if none does.
  void EncodeWord(const NormalizedText& normalized, size_t begin, size_t end, int32_t word,
                  std::vector<Token>& tokens) const {
    const std::string_view text = std::string_view(normalized.bytes).substr(0, end);
    const size_t first = tokens.size();
    const auto append = [&](int32_t id, size_t from, size_t to) {
      tokens.push_back({id, word, normalized.origin[from], normalized.origin[to - 1] + 1});
    };
    const auto limit = static_cast<uint64_t>(max_characters_per_word_);
    bool known = end - begin <= limit || static_cast<uint64_t>(CountCodePoints(text.substr(begin))) <= limit;
    for (size_t i = begin; known && i < end;) {
      const PieceTrie::Match match = pieces_.Longest(i == begin ? PieceTrie::kRoot : continuing_, text.substr(i));
      known = match.value >= 0;
      if (!known) break;
      append(match.value, i, i + match.length);
      i += match.length;
    }
    if (known) return;
    tokens.resize(first);
    append(special_tokens_.unknown, begin, end);
  }

  static std::array<uint8_t, 128> AsciiFlags() {
    std::array<uint8_t, 128> flags;
    for (char32_t c = 0; c < flags.size(); ++c) flags[c] = PropertiesOf(c).flags;
    return flags;
  }

  BertNormalizer normalizer_;
  AddedTokenFinder given_finder_;       // for the text as given
  AddedTokenFinder normalized_finder_;  // for its normalised form
  PieceTrie pieces_;
  uint32_t continuing_;  // node of the prefix "##"
  int64_t max_characters_per_word_;
  SpecialTokens special_tokens_;
  std::vector<std::string> texts_;  // by id
  std::array<uint8_t, 128> ascii_flags_ = AsciiFlags();
};

constexpr size_t kLongestForm = 1000;  // bytes

// Whether `form` can be looked for. A text is compared with forms at each of its places, and looked through for the
// white space that an rstrip token takes: neither must take time quadratic in the text.
absl::Status CheckForm(const TokenizerDefinition& definition, const AddedToken& token, std::string_view form) {
  const auto error = [&](std::string_view what) {
    return absl::InvalidArgumentError(StrCat(definition.file, ": added token ", token.id, " ", what));
  };
  if (form.empty()) return error("is empty once normalised; say \"normalized\": false");
  if (form.size() > kLongestForm) return error(StrCat("has ", form.size(), " bytes; ", kLongestForm, " at most"));
  size_t behind = 0;
  if (token.rstrip && (PropertiesOf(NextCodePoint(form, behind)).flags & kWhiteSpace)) {
    return error("begins with white space, and so cannot have \"rstrip\"");
  }
  return absl::OkStatus();
}

// The finder for the added tokens that are looked for in the normalised text, or for the others. Of two tokens with
// the same normalised form the lower id counts; the library leaves that to chance.
absl::StatusOr<AddedTokenFinder> MakeFinder(const TokenizerDefinition& definition, bool normalized) {
  std::vector<AddedToken> tokens;
  for (const AddedToken& token : definition.added) {
    if (token.normalized == normalized) tokens.push_back(token);
  }
  std::stable_sort(tokens.begin(), tokens.end(), [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
  const BertNormalizer normalizer(definition.normalizer);
  std::vector<std::string> forms;
  for (const AddedToken& token : tokens) {
    NormalizedText text;
    if (normalized) normalizer.Append(token.content, 0, text);
    forms.push_back(normalized ? text.bytes : token.content);
    if (const auto status = CheckForm(definition, token, forms.back()); !status.ok()) return status;
  }
  return AddedTokenFinder(tokens, forms);
}

}  // namespace

absl::StatusOr<std::shared_ptr<const WordPieceTokenizer>> WordPieceTokenizer::Load(
    const std::filesystem::path& folder) {
  auto definition = ReadTokenizerDefinition(folder);
  if (!definition.ok()) return definition.status();
  return Build(*std::move(definition));
}

absl::StatusOr<std::shared_ptr<const WordPieceTokenizer>> WordPieceTokenizer::Build(TokenizerDefinition definition) {
  const PieceIds pieces = IdsOf(definition);
  if (const auto status = AssignAddedIds(pieces, definition); !status.ok()) return status;
  auto texts = TextsById(definition);
  if (!texts.ok()) return texts.status();
  const auto special = FindSpecialTokens(pieces, definition);
  if (!special.ok()) return special.status();
  auto given_finder = MakeFinder(definition, /*normalized=*/false);
  if (!given_finder.ok()) return given_finder.status();
  auto normalized_finder = MakeFinder(definition, /*normalized=*/true);
  if (!normalized_finder.ok()) return normalized_finder.status();
  return std::make_shared<const Tokenizer>(definition, *std::move(texts), *special, *std::move(given_finder),
                                           *std::move(normalized_finder));
}

}  // namespace fintag
