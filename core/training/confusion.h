// Which labels a tagging takes for which others, word by word.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fintag {

// confusion[gold][predicted]: words. Labels without their prefixes, "O" for words outside of entities. Without zeros,
// so that it stays small with many labels: a label that no gold word has is no row, though it may be a column.
using Confusion = std::map<std::string, std::map<std::string, int64_t>>;

// "ORG" of "B-ORG"; "O" of "O". A tag of no scheme is a label itself.
std::string_view LabelOfTag(std::string_view tag);

// Adds the words of a sentence.
void CountConfusion(std::span<const std::string_view> gold, std::span<const std::string_view> predicted,
                    Confusion& confusion);

// Over all sentences. `gold` and `predicted` must have the same shape. A row's sum is the label's gold words, a
// column's the predicted ones, the whole sum all words. The diagonal is no smaller than the words whose tag is equal.
Confusion CountConfusion(std::span<const std::vector<std::string>> gold,
                         std::span<const std::vector<std::string>> predicted);

}  // namespace fintag
