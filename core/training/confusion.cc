#include "core/training/confusion.h"

#include "core/text/tag_scheme.h"

namespace fintag {

std::string_view LabelOfTag(std::string_view tag) {
  const std::optional<ParsedTag> parsed = ParseTag(tag);
  if (!parsed.has_value()) return tag;
  return parsed->prefix == 'O' ? "O" : parsed->label;
}

void CountConfusion(std::span<const std::string_view> gold, std::span<const std::string_view> predicted,
                    Confusion& confusion) {
  for (size_t i = 0; i < gold.size(); ++i) {
    ++confusion[std::string(LabelOfTag(gold[i]))][std::string(LabelOfTag(predicted[i]))];
  }
}

Confusion CountConfusion(std::span<const std::vector<std::string>> gold,
                         std::span<const std::vector<std::string>> predicted) {
  Confusion confusion;
  for (size_t i = 0; i < gold.size(); ++i) {
    CountConfusion(std::vector<std::string_view>(gold[i].begin(), gold[i].end()),
                   std::vector<std::string_view>(predicted[i].begin(), predicted[i].end()), confusion);
  }
  return confusion;
}

}  // namespace fintag
