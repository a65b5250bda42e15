#include "core/text/added_tokens.h"

#include <algorithm>
#include <cstring>

#include "core/text/unicode_tables.h"
#include "core/text/utf8.h"

namespace fintag {
namespace {

// Byte at which the last code point before `end` starts; `end` is not 0.
size_t PreviousCodePoint(std::string_view text, size_t end) {
  size_t i = end - 1;
  while (i > 0 && (static_cast<unsigned char>(text[i]) & 0xC0) == 0x80) --i;
  return i;
}

bool HasFlag(std::string_view text, size_t position, CharacterFlag flag) {
  return PropertiesOf(NextCodePoint(text, position)).flags & flag;
}

bool IsSingleWord(std::string_view text, size_t begin, size_t end) {
  const bool word_before = begin > 0 && HasFlag(text, PreviousCodePoint(text, begin), kWordCharacter);
  const bool word_behind = end < text.size() && HasFlag(text, end, kWordCharacter);
  return !word_before && !word_behind;
}

std::vector<PieceTrie::Entry> Entries(std::span<const std::string> forms) {
  std::vector<PieceTrie::Entry> entries;
  for (size_t i = 0; i < forms.size(); ++i) entries.emplace_back(forms[i], static_cast<int32_t>(i));
  return entries;
}

}  // namespace

AddedTokenFinder::AddedTokenFinder(std::span<const AddedToken> tokens, std::span<const std::string> forms)
    : tokens_(tokens.begin(), tokens.end()), trie_(Entries(forms)) {
  for (const std::string& form : forms) starts_[static_cast<unsigned char>(form[0])] = true;
  if (std::count(starts_.begin(), starts_.end(), true) == 1) {
    single_start_ = static_cast<int>(std::find(starts_.begin(), starts_.end(), true) - starts_.begin());
  }
}

size_t AddedTokenFinder::FirstCandidate(std::string_view text, size_t from) const {
  if (from >= text.size()) return text.size();
  if (single_start_ >= 0) {
    const void* found = std::memchr(text.data() + from, single_start_, text.size() - from);
    return found == nullptr ? text.size() : static_cast<size_t>(static_cast<const char*>(found) - text.data());
  }
  while (from < text.size() && !starts_[static_cast<unsigned char>(text[from])]) ++from;
  return from;
}

void AddedTokenFinder::Split(std::string_view text, std::vector<TextPart>& parts) const {
  parts.clear();
  size_t covered = 0;
  size_t next = empty() ? text.size() : FirstCandidate(text, 0);
  while (next < text.size()) {
    const PieceTrie::Match match = trie_.Longest(PieceTrie::kRoot, text.substr(next));
    if (match.value < 0) {
      next = FirstCandidate(text, next + 1);
      continue;
    }
    const AddedToken& token = tokens_[static_cast<size_t>(match.value)];
    size_t begin = next, end = next + match.length;
    next = FirstCandidate(text, end);
    if (token.single_word && !IsSingleWord(text, begin, end)) continue;
    if (token.lstrip) {
      size_t stripped = begin;
      while (stripped > covered && HasFlag(text, PreviousCodePoint(text, stripped), kWhiteSpace)) {
        stripped = PreviousCodePoint(text, stripped);
      }
      begin = std::max(stripped, covered);
    }
    if (token.rstrip) {
      for (size_t i = end; end < text.size() && HasFlag(text, end, kWhiteSpace); end = i) NextCodePoint(text, i);
    }
    if (begin >= end) continue;  // white space that the token before has taken; the library panics here
    if (covered < begin) parts.push_back({covered, begin, kNoToken});
    parts.push_back({begin, end, token.id});
    covered = end;
  }
  if (covered < text.size()) parts.push_back({covered, text.size(), kNoToken});
}

}  // namespace fintag
