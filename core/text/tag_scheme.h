// Tag schemes of sequence labelling and the spans they stand for. What makes a tag sequence legal in a scheme is said
// in CORPUS.md.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fintag {

enum class TagScheme { kIo, kIob1, kIob2, kIoe1, kIoe2, kIobes, kBilou };

// Every scheme, the one to prefer first where tags are legal in several: tags that are all O are IOB2, tags that have
// no prefix but I are IO. No other tags are legal in two schemes.
inline constexpr std::array kTagSchemes = {TagScheme::kIob2, TagScheme::kIo,    TagScheme::kIob1, TagScheme::kIoe1,
                                           TagScheme::kIoe2, TagScheme::kIobes, TagScheme::kBilou};

// "IO", "IOB1", "IOB2", "IOE1", "IOE2", "IOBES", "BILOU".
std::string_view TagSchemeName(TagScheme scheme);

// A tag taken apart: "B-ORG" is {'B', "ORG"}, "O" is {'O', ""}. The label points into the tag.
struct ParsedTag {
  char prefix = 'O';  // O, or one of B, I, E, S, L, U
  std::string_view label;
};

// Nothing if `tag` is neither O nor one of the prefixes, a hyphen and a label of at least one byte.
std::optional<ParsedTag> ParseTag(std::string_view tag);

// Whether the scheme has tags of this prefix. All have O.
bool HasPrefix(TagScheme scheme, char prefix);

// Whether `after` may follow `before` in the scheme, which has both prefixes. Sentences stand between two O.
bool IsLegalPair(TagScheme scheme, ParsedTag before, ParsedTag after);

// A labelled run of words.
struct Span {
  int32_t begin;  // word
  int32_t end;    // word, exclusive
  std::string label;

  friend bool operator==(const Span&, const Span&) = default;
  friend auto operator<=>(const Span&, const Span&) = default;
};

// Spans of one sentence tagged in `scheme`, in order. The tags must be legal in the scheme.
std::vector<Span> SpansOf(std::span<const std::string> tags, TagScheme scheme);

// IOB2 tags of a sentence of `words` words whose spans do not overlap.
std::vector<std::string> Iob2Tags(std::span<const Span> spans, int32_t words);

}  // namespace fintag
