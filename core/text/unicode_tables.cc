#include "core/text/unicode_tables.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <span>
#include <vector>

namespace fintag {
namespace {

struct Range {
  char32_t first, last;
};
struct ClassRange {
  char32_t first, last;
  uint8_t combining_class;
};
struct Mapping {
  char32_t code_point;
  uint16_t begin, length;  // in the pool
};

#include "core/text/unicode_tables.inc"

constexpr char32_t kEnd = 0x110000;
constexpr int kPageBits = 7;
constexpr char32_t kPageSize = 1 << kPageBits;

// Pages of properties; the many pages that are all alike share one.
class Pages {
 public:
  Pages() {
    std::vector<CharacterProperties> all(kEnd);
    const auto set = [&all](std::span<const Range> ranges, CharacterFlag flag) {
      for (const Range& range : ranges) {
        for (char32_t c = range.first; c <= range.last; ++c) all[c].flags |= flag;
      }
    };
    set(kControlRanges, kControl);
    set(kSpaceRanges, kWhiteSpace);
    set(kPunctuationRanges, kPunctuation);
    set(kChineseRanges, kChinese);
    set(kMarkRanges, kMark);
    set(kWordRanges, kWordCharacter);
    for (const ClassRange& range : kClassRanges) {
      for (char32_t c = range.first; c <= range.last; ++c) all[c].combining_class = range.combining_class;
    }
    for (const Mapping& mapping : kLowerMappings) all[mapping.code_point].has_lower_case = true;
    for (const Mapping& mapping : kDecompositionMappings) all[mapping.code_point].has_decomposition = true;

    const auto same = [](const CharacterProperties& a, const CharacterProperties& b) {
      return a.flags == b.flags && a.combining_class == b.combining_class && a.has_lower_case == b.has_lower_case &&
             a.has_decomposition == b.has_decomposition;
    };
    for (char32_t page = 0; page < page_.size(); ++page) {
      const auto begin = all.begin() + page * kPageSize;
      size_t at = 0;
      while (at < rows_.size() && !std::equal(begin, begin + kPageSize, rows_.begin() + at, same)) at += kPageSize;
      if (at == rows_.size()) rows_.insert(rows_.end(), begin, begin + kPageSize);
      page_[page] = static_cast<uint16_t>(at >> kPageBits);
    }
  }

  const CharacterProperties& Of(char32_t c) const {
    return rows_[static_cast<size_t>(page_[c >> kPageBits]) << kPageBits | (c & (kPageSize - 1))];
  }

 private:
  std::array<uint16_t, (kEnd >> kPageBits)> page_;
  std::vector<CharacterProperties> rows_;
};

std::u32string_view Lookup(std::span<const Mapping> mappings, const char32_t* pool, char32_t code_point) {
  const auto found =
      std::lower_bound(mappings.begin(), mappings.end(), code_point,
                       [](const Mapping& mapping, char32_t value) { return mapping.code_point < value; });
  if (found == mappings.end() || found->code_point != code_point) return {};
  return {pool + found->begin, found->length};
}

}  // namespace

const CharacterProperties& PropertiesOf(char32_t code_point) {
  static const Pages& pages = *new Pages;
  return pages.Of(code_point);
}

std::u32string_view LowerCaseOf(char32_t code_point) { return Lookup(kLowerMappings, kLowerPool, code_point); }

std::u32string_view DecompositionOf(char32_t code_point) {
  return Lookup(kDecompositionMappings, kDecompositionPool, code_point);
}

}  // namespace fintag
