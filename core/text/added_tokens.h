// Added tokens: strings that are found in a text before it is split into words, special ones ("[SEP]") among them.
// AddedVocabulary of the `tokenizers` library.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/piece_trie.h"

namespace fintag {

struct AddedToken {
  std::string content;
  int32_t id = 0;
  bool single_word = false;  // only where no word character is next to it
  bool lstrip = false;       // takes the white space before it
  bool rstrip = false;       // takes the white space behind it
  bool normalized = true;    // its normalised form is looked for in the normalised text
  bool special = false;

  friend bool operator==(const AddedToken&, const AddedToken&) = default;
};

// A part of a text.
struct TextPart {
  size_t begin;  // byte
  size_t end;    // exclusive
  int32_t id;    // of an added token, or kNoToken for the text between
};
inline constexpr int32_t kNoToken = -1;

// Finds added tokens in a text: at each place the longest one, from left to right.
class AddedTokenFinder {
 public:
  // `forms` are what to look for, one for each of `tokens`, none empty. Of equal forms the first counts.
  AddedTokenFinder(std::span<const AddedToken> tokens, std::span<const std::string> forms);

  bool empty() const { return tokens_.empty(); }

  // Replaces `parts` by those of `text`, valid UTF-8. They cover it in order (but for tokens that begin with white
  // space which an rstrip token has taken, which then overlap, as in the library).
  void Split(std::string_view text, std::vector<TextPart>& parts) const;

 private:
  size_t FirstCandidate(std::string_view text, size_t from) const;

  std::vector<AddedToken> tokens_;
  PieceTrie trie_;
  std::array<bool, 256> starts_{};  // bytes that forms start with
  int single_start_ = -1;           // that byte if there is only one: "[" for most vocabularies
};

}  // namespace fintag
