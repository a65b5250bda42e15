#include "client/cli/display_width.h"

#include <algorithm>
#include <array>

#include "client/utf8.h"

namespace fintag::client {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};

// Combining marks and format characters (Unicode categories Mn, Me, Cf), the blocks that occur in text.
constexpr std::array kZeroWidth = {
    Range{0x0300, 0x036F},  Range{0x0483, 0x0489}, Range{0x0591, 0x05BD}, Range{0x0610, 0x061A},
    Range{0x064B, 0x065F},  Range{0x0670, 0x0670}, Range{0x06D6, 0x06DC}, Range{0x093C, 0x093C},
    Range{0x0941, 0x0948},  Range{0x094D, 0x094D}, Range{0x0E31, 0x0E31}, Range{0x0E34, 0x0E3A},
    Range{0x0E47, 0x0E4E},  Range{0x1AB0, 0x1AFF}, Range{0x1DC0, 0x1DFF}, Range{0x200B, 0x200F},
    Range{0x202A, 0x202E},  Range{0x2060, 0x2064}, Range{0x20D0, 0x20FF}, Range{0x302A, 0x302D},
    Range{0x3099, 0x309A},  Range{0xFE00, 0xFE0F}, Range{0xFE20, 0xFE2F}, Range{0xFEFF, 0xFEFF},
    Range{0xE0100, 0xE01EF}};

// East Asian wide and full-width (Unicode TR 11), emoji among them.
constexpr std::array kWide = {
    Range{0x1100, 0x115F},   Range{0x231A, 0x231B},   Range{0x2329, 0x232A},   Range{0x23E9, 0x23EC},
    Range{0x2614, 0x2615},   Range{0x2648, 0x2653},   Range{0x26A1, 0x26A1},   Range{0x26BD, 0x26BE},
    Range{0x2705, 0x2705},   Range{0x274C, 0x274C},   Range{0x2753, 0x2755},   Range{0x2795, 0x2797},
    Range{0x2B1B, 0x2B1C},   Range{0x2B50, 0x2B50},   Range{0x2E80, 0x303E},   Range{0x3041, 0x33FF},
    Range{0x3400, 0x4DBF},   Range{0x4E00, 0x9FFF},   Range{0xA000, 0xA4CF},   Range{0xA960, 0xA97F},
    Range{0xAC00, 0xD7A3},   Range{0xF900, 0xFAFF},   Range{0xFE30, 0xFE6F},   Range{0xFF01, 0xFF60},
    Range{0xFFE0, 0xFFE6},   Range{0x1F004, 0x1F004}, Range{0x1F300, 0x1F64F}, Range{0x1F680, 0x1F6FF},
    Range{0x1F900, 0x1F9FF}, Range{0x1FA70, 0x1FAFF}, Range{0x20000, 0x3FFFD}};

template <size_t kCount>
bool Contains(const std::array<Range, kCount>& ranges, char32_t point) {
  const auto behind = std::upper_bound(ranges.begin(), ranges.end(), point,
                                       [](char32_t value, const Range& range) { return value < range.first; });
  return behind != ranges.begin() && point <= std::prev(behind)->last;
}

int WidthOf(char32_t point) {
  if (point < 0x300) return 1;
  if (Contains(kZeroWidth, point)) return 0;
  return Contains(kWide, point) ? 2 : 1;
}

bool IsControl(char32_t point) {
  // C0, DEL, C1, and the marks that reorder text.
  return point < 0x20 || (point >= 0x7F && point < 0xA0) || (point >= 0x202A && point <= 0x202E) ||
         (point >= 0x2066 && point <= 0x2069);
}

}  // namespace

int DisplayWidth(std::string_view text) {
  int width = 0;
  for (size_t position = 0; position < text.size();) {
    const CodePoint point = DecodeUtf8(text.substr(position));
    width += WidthOf(point.value);
    position += point.bytes;
  }
  return width;
}

std::string Printable(std::string_view text) {
  std::string printable;
  for (size_t position = 0; position < text.size();) {
    const CodePoint point = DecodeUtf8(text.substr(position));
    if (point.value == '\t' || point.value == '\n' || point.value == '\r') {
      printable += ' ';
    } else if (!point.valid || IsControl(point.value)) {
      printable += "\xEF\xBF\xBD";
    } else {
      printable += text.substr(position, point.bytes);
    }
    position += point.bytes;
  }
  return printable;
}

std::string Shorten(std::string_view text, int width) {
  if (DisplayWidth(text) <= width) return std::string(text);
  int used = 0;
  size_t position = 0;
  while (position < text.size()) {
    const CodePoint point = DecodeUtf8(text.substr(position));
    if (used + WidthOf(point.value) > width - 1) break;
    used += WidthOf(point.value);
    position += point.bytes;
  }
  return std::string(text.substr(0, position)) + "\xE2\x80\xA6";
}

}  // namespace fintag::client
