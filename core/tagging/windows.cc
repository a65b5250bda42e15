#include "core/tagging/windows.h"

#include <algorithm>
#include <cstddef>
#include <limits>

namespace fintag {
namespace {

// A stretch of the sentence's tokens, without [CLS] and [SEP].
struct Stretch {
  int64_t begin;
  int64_t end;  // exclusive
};

bool StartsWord(std::span<const Token> tokens, int64_t position) {
  return position == 0 || tokens[position].word != tokens[position - 1].word;
}

// Stretches of nearly equal length, so that no last window is left with a few tokens and little context.
std::vector<Stretch> Cut(std::span<const Token> tokens, int64_t capacity) {
  const auto count = static_cast<int64_t>(tokens.size());
  if (count <= capacity) return {{0, count}};
  const int64_t overlap = capacity / 4;
  const int64_t windows = (count - overlap + capacity - overlap - 1) / (capacity - overlap);
  const int64_t length = (count + (windows - 1) * overlap + windows - 1) / windows;
  std::vector<Stretch> stretches = {{0, length}};
  while (stretches.back().end < count) {
    int64_t begin = stretches.back().end - overlap;
    // Rather start with a whole word, at the price of some overlap; a word of hundreds of pieces is cut.
    for (int64_t later = begin; later <= begin + overlap / 2; ++later) {
      if (StartsWord(tokens, later)) {
        begin = later;
        break;
      }
    }
    stretches.push_back({begin, std::min(count, begin + length)});
  }
  return stretches;
}

// Tokens between `position` and the nearer end of the stretch at which text was cut off.
int64_t Context(const Stretch& stretch, int64_t position, int64_t count) {
  constexpr int64_t kUncut = std::numeric_limits<int64_t>::max();
  const int64_t before = stretch.begin == 0 ? kUncut : position - stretch.begin;
  const int64_t behind = stretch.end == count ? kUncut : stretch.end - 1 - position;
  return std::min(before, behind);
}

}  // namespace

std::vector<Window> MakeWindows(std::span<const Token> tokens, const SpecialTokens& special, int64_t max_positions) {
  if (tokens.empty()) return {};
  const auto count = static_cast<int64_t>(tokens.size());
  const std::vector<Stretch> stretches = Cut(tokens, max_positions - 2);

  std::vector<Window> windows(stretches.size());
  size_t current = 0;  // the first stretch that may own the word: owners never go back
  for (int64_t position = 0; position < count; ++position) {
    if (!StartsWord(tokens, position)) continue;
    while (stretches[current].end <= position) ++current;
    while (current + 1 < stretches.size() && stretches[current + 1].begin <= position &&
           Context(stretches[current + 1], position, count) > Context(stretches[current], position, count)) {
      ++current;
    }
    windows[current].words.push_back(tokens[position].word);
    windows[current].word_rows.push_back(static_cast<int32_t>(position - stretches[current].begin + 1));
  }

  for (size_t i = 0; i < stretches.size(); ++i) {
    if (windows[i].words.empty()) continue;
    std::vector<int32_t>& ids = windows[i].token_ids;
    ids.reserve(stretches[i].end - stretches[i].begin + 2);
    ids.push_back(special.classifier);
    for (int64_t position = stretches[i].begin; position < stretches[i].end; ++position) {
      ids.push_back(tokens[position].id);
    }
    ids.push_back(special.separator);
  }
  // The inside of one endless word: nothing in it is trained, scored or tagged.
  std::erase_if(windows, [](const Window& window) { return window.words.empty(); });
  return windows;
}

}  // namespace fintag
