#include "core/training/confusion.h"

#include "core/text/tag_scheme.h"

namespace fintag {

std::string_view LabelOfTag(std::string_view tag) {
  const std::optional<ParsedTag> parsed = ParseTag(tag);
  if (!parsed.has_value()) return tag;
  return parsed->prefix == 'O' ? "O" : parsed->label;
}

Confusion CountConfusion(std::span<const std::vector<std::string>> gold,
                         std::span<const std::vector<std::string>> predicted) {
  Confusion confusion;
  for (size_t i = 0; i < gold.size(); ++i) {
    for (size_t j = 0; j < gold[i].size(); ++j) {
      ++confusion[std::string(LabelOfTag(gold[i][j]))][std::string(LabelOfTag(predicted[i][j]))];
    }
  }
  return confusion;
}

}  // namespace fintag
