#include "core/training/word_lookup.h"

#include <algorithm>

namespace fintag {
namespace {

// "Silicium de Provence", the words of an entity.
template <typename Words>
std::string SurfaceForm(const Words& words, const Span& entity) {
  std::string form;
  for (int32_t word = entity.begin; word < entity.end; ++word) {
    if (word > entity.begin) form += ' ';
    form += words[static_cast<size_t>(word)];
  }
  return form;
}

// The label of an IOB2 tag, empty for O.
std::string_view LabelOf(std::string_view tag) { return tag.size() > 2 ? tag.substr(2) : std::string_view(); }

}  // namespace

WordLookup::WordLookup() : labels_{{"O", "O"}}, label_numbers_{{"", 0}} {}

void WordLookup::Learn(const Sentence& sentence) {
  for (size_t i = 0; i < sentence.words.size(); ++i) {
    const std::string label(LabelOf(sentence.tags[i]));
    const auto [known, fresh] = label_numbers_.try_emplace(label, static_cast<int32_t>(labels_.size()));
    const int32_t number = known->second;
    if (fresh) labels_.push_back({"B-" + label, "I-" + label});
    Counts& counts = counts_[sentence.words[i]];
    const auto found =
        std::find_if(counts.begin(), counts.end(), [&](const auto& count) { return count.first == number; });
    if (found == counts.end()) {
      counts.emplace_back(number, 1);
    } else {
      ++found->second;
    }
  }
}

std::vector<std::string_view> WordLookup::Tag(std::span<const std::string_view> words) const {
  std::vector<std::string_view> tags;
  tags.reserve(words.size());
  int32_t before = 0;
  for (const std::string_view word : words) {
    int32_t label = 0;
    if (const auto found = counts_.find(AbslView(word)); found != counts_.end()) {
      label = std::max_element(found->second.begin(), found->second.end(), [](const auto& a, const auto& b) {
                return a.second < b.second;
              })->first;
    }
    const Label& texts = labels_[static_cast<size_t>(label)];
    tags.push_back(label == before ? texts.inside : texts.begin);
    before = label;
  }
  return tags;
}

void SeenEntities::Learn(const Sentence& sentence) {
  for (const Span& entity : SeqevalEntities(sentence.tags)) forms_.insert(SurfaceForm(sentence.words, entity));
}

void UnseenEntityScorer::Add(std::span<const std::string_view> words, std::span<const std::string_view> gold,
                             std::span<const std::string_view> predicted) {
  const std::vector<Span> entities = SeqevalEntities(gold);
  for (const Span& entity : entities) support_ += seen_.Contains(SurfaceForm(words, entity)) ? 0 : 1;
  for (const Span& entity : SeqevalEntities(predicted)) {
    if (seen_.Contains(SurfaceForm(words, entity))) continue;
    ++predicted_;
    correct_ += std::find(entities.begin(), entities.end(), entity) != entities.end() ? 1 : 0;
  }
}

}  // namespace fintag
