// Random labelled spans, and tags of them in any scheme, written apart from the code under test.
#pragma once

#include <algorithm>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "core/text/tag_scheme.h"

namespace fintag {

// For the names and messages of tests.
inline void PrintTo(TagScheme scheme, std::ostream* out) { *out << TagSchemeName(scheme); }

// Spans over `words` words that do not overlap; neighbours of the same label may touch.
inline std::vector<Span> RandomSpans(std::mt19937& random, int32_t words) {
  static const std::vector<std::string> kLabels = {"PER", "LOC", "ORG", "CREDIT-LINE"};
  std::vector<Span> spans;
  int32_t word = 0;
  while (word < words) {
    if (random() % 2 == 0) {
      ++word;
      continue;
    }
    const int32_t end = std::min<int32_t>(words, word + 1 + static_cast<int32_t>(random() % 4));
    spans.push_back({word, end, kLabels[random() % kLabels.size()]});
    word = end;
  }
  return spans;
}

// IO cannot tell neighbours of one label apart: what it makes of `spans`.
inline std::vector<Span> JoinedNeighbours(const std::vector<Span>& spans) {
  std::vector<Span> joined;
  for (const Span& span : spans) {
    if (!joined.empty() && joined.back().end == span.begin && joined.back().label == span.label) {
      joined.back().end = span.end;
    } else {
      joined.push_back(span);
    }
  }
  return joined;
}

inline std::vector<std::string> TagsInScheme(const std::vector<Span>& spans, int32_t words, TagScheme scheme) {
  std::vector<std::string> tags(static_cast<size_t>(words), "O");
  for (size_t s = 0; s < spans.size(); ++s) {
    const Span& span = spans[s];
    const bool touches_left = s > 0 && spans[s - 1].end == span.begin && spans[s - 1].label == span.label;
    const bool touches_right =
        s + 1 < spans.size() && spans[s + 1].begin == span.end && spans[s + 1].label == span.label;
    for (int32_t word = span.begin; word < span.end; ++word) {
      const bool first = word == span.begin;
      const bool last = word + 1 == span.end;
      char prefix = 'I';
      switch (scheme) {
        case TagScheme::kIo:
          break;
        case TagScheme::kIob1:
          if (first && touches_left) prefix = 'B';
          break;
        case TagScheme::kIob2:
          if (first) prefix = 'B';
          break;
        case TagScheme::kIoe1:
          if (last && touches_right) prefix = 'E';
          break;
        case TagScheme::kIoe2:
          if (last) prefix = 'E';
          break;
        case TagScheme::kIobes:
          prefix = first && last ? 'S' : first ? 'B' : last ? 'E' : 'I';
          break;
        case TagScheme::kBilou:
          prefix = first && last ? 'U' : first ? 'B' : last ? 'L' : 'I';
          break;
      }
      tags[static_cast<size_t>(word)] = std::string(1, prefix) + "-" + span.label;
    }
  }
  return tags;
}

}  // namespace fintag
