#include "core/text/bert_normalizer.h"

#include <algorithm>
#include <cstring>

#include "core/text/unicode_tables.h"
#include "core/text/utf8.h"

namespace fintag {
namespace {

constexpr char32_t kHangulFirst = 0xAC00, kHangulCount = 11172;
constexpr char32_t kJamoL = 0x1100, kJamoV = 0x1161, kJamoT = 0x11A7;
constexpr char32_t kVowels = 21, kTrails = 28;

bool IsAscii(char byte) { return static_cast<unsigned char>(byte) < 0x80; }

char32_t CleanSpace(char32_t c) { return PropertiesOf(c).flags & kWhiteSpace ? U' ' : c; }

}  // namespace

BertNormalizer::BertNormalizer(const BertNormalizerOptions& options)
    : options_(options), strip_accents_(options.strip_accents.value_or(options.lowercase)) {
  for (char32_t c = 0; c < ascii_.size(); ++c) {
    const CharacterProperties& properties = PropertiesOf(c);
    char32_t mapped = c;
    if (options_.clean_text) mapped = CleanSpace(c);
    if (options_.lowercase && properties.has_lower_case) mapped = LowerCaseOf(c)[0];
    const bool dropped = options_.clean_text && (properties.flags & kControl);
    ascii_[c] = dropped ? kDropped : static_cast<int16_t>(mapped);
  }
}

void BertNormalizer::Append(std::string_view text, int32_t first, NormalizedText& out) const {
  size_t i = 0;
  while (i < text.size()) {
    const size_t ascii = AppendAscii(text.substr(i), first, out);
    i += ascii;
    first += static_cast<int32_t>(ascii);
    // Marks on both sides of a dropped character end up side by side and are reordered: such characters belong to the
    // run. Any other ASCII character is a starter, which nothing moves across.
    size_t end = i;
    while (end < text.size() && (!IsAscii(text[end]) || ascii_[static_cast<size_t>(text[end])] == kDropped)) ++end;
    if (end == i) continue;
    const std::string_view run = text.substr(i, end - i);
    AppendUnicode(run, first, out);
    first += static_cast<int32_t>(CountCodePoints(run));
    i = end;
  }
}

// Appends the ASCII characters that `text` starts with and returns their number.
size_t BertNormalizer::AppendAscii(std::string_view text, int32_t first, NormalizedText& out) const {
  size_t length = 0;
  uint64_t chunk;
  while (length + sizeof(chunk) <= text.size()) {
    std::memcpy(&chunk, text.data() + length, sizeof(chunk));
    if (chunk & 0x8080808080808080) break;
    length += sizeof(chunk);
  }
  while (length < text.size() && IsAscii(text[length])) ++length;

  size_t at = out.bytes.size();
  out.bytes.resize(at + length);
  out.origin.resize(at + length);
  for (size_t i = 0; i < length; ++i) {
    const int16_t mapped = ascii_[static_cast<size_t>(text[i])];
    if (mapped == kDropped) continue;
    out.bytes[at] = static_cast<char>(mapped);
    out.origin[at] = first + static_cast<int32_t>(i);
    ++at;
  }
  out.bytes.resize(at);
  out.origin.resize(at);
  return length;
}

void BertNormalizer::AppendUnicode(std::string_view text, int32_t first, NormalizedText& out) const {
  std::vector<Character> characters;
  for (size_t i = 0; i < text.size();) {
    const char32_t c = NextCodePoint(text, i);
    characters.push_back({c, first++});
  }
  if (options_.clean_text) Clean(characters);
  if (options_.handle_chinese_chars) SpaceChinese(characters);
  if (strip_accents_) {
    Decompose(characters);
    std::erase_if(characters, [](const Character& c) { return PropertiesOf(c.code_point).flags & kMark; });
  }
  if (options_.lowercase) Lowercase(characters);
  for (const Character& c : characters) {
    AppendUtf8(c.code_point, out.bytes);
    out.origin.resize(out.bytes.size(), c.origin);
  }
}

void BertNormalizer::Clean(std::vector<Character>& characters) const {
  std::erase_if(characters, [](const Character& c) { return PropertiesOf(c.code_point).flags & kControl; });
  for (Character& c : characters) c.code_point = CleanSpace(c.code_point);
}

void BertNormalizer::SpaceChinese(std::vector<Character>& characters) {
  std::vector<Character> spaced;
  spaced.reserve(characters.size());
  for (const Character& c : characters) {
    const bool chinese = PropertiesOf(c.code_point).flags & kChinese;
    if (chinese) spaced.push_back({U' ', c.origin});
    spaced.push_back(c);
    if (chinese) spaced.push_back({U' ', c.origin});
  }
  characters.swap(spaced);
}

// Canonical decomposition. The library moves a mark to its canonical place but not the position it gives it: positions
// stay in the order of the text, those that a decomposition adds taking that of the character before.
void BertNormalizer::Decompose(std::vector<Character>& characters) {
  struct Part {
    char32_t code_point;
    uint8_t combining_class;
    bool added;  // not the first of its decomposition
  };
  std::vector<Part> parts;
  parts.reserve(characters.size());
  size_t marks = 0;  // where the current run of marks starts
  const auto sort_marks = [&] {
    std::stable_sort(parts.begin() + static_cast<ptrdiff_t>(marks), parts.end(),
                     [](const Part& a, const Part& b) { return a.combining_class < b.combining_class; });
  };
  const auto push = [&](char32_t c, bool added) {
    const uint8_t combining_class = PropertiesOf(c).combining_class;
    if (combining_class == 0) sort_marks();
    parts.push_back({c, combining_class, added});
    if (combining_class == 0) marks = parts.size();
  };
  for (const Character& character : characters) {
    const char32_t c = character.code_point;
    if (c - kHangulFirst < kHangulCount) {
      const char32_t syllable = c - kHangulFirst;
      push(kJamoL + syllable / (kVowels * kTrails), false);
      push(kJamoV + syllable / kTrails % kVowels, true);
      if (syllable % kTrails != 0) push(kJamoT + syllable % kTrails, true);
    } else if (PropertiesOf(c).has_decomposition) {
      bool added = false;
      for (const char32_t part : DecompositionOf(c)) {
        push(part, added);
        added = true;
      }
    } else {
      push(c, false);
    }
  }
  sort_marks();

  std::vector<Character> decomposed;
  decomposed.reserve(parts.size());
  size_t next = 0;
  for (const Part& part : parts) {
    if (!part.added) ++next;
    decomposed.push_back({part.code_point, characters[std::max<size_t>(next, 1) - 1].origin});
  }
  characters.swap(decomposed);
}

void BertNormalizer::Lowercase(std::vector<Character>& characters) {
  std::vector<Character> lower;
  lower.reserve(characters.size());
  for (const Character& c : characters) {
    if (!PropertiesOf(c.code_point).has_lower_case) {
      lower.push_back(c);
      continue;
    }
    for (const char32_t part : LowerCaseOf(c.code_point)) lower.push_back({part, c.origin});
  }
  characters.swap(lower);
}

}  // namespace fintag
