#include "core/training/word_lookup.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace fintag {
namespace {

// "Silicium de Provence", the words of an entity.
std::string SurfaceForm(const Sentence& sentence, const Span& entity) {
  std::string form;
  for (int32_t word = entity.begin; word < entity.end; ++word) {
    if (word > entity.begin) form += ' ';
    form += sentence.words[static_cast<size_t>(word)];
  }
  return form;
}

// The label of an IOB2 tag, empty for O.
std::string_view LabelOf(std::string_view tag) { return tag.size() > 2 ? tag.substr(2) : std::string_view(); }

// The most frequent label of each word, the first seen at a tie.
std::unordered_map<std::string_view, std::string_view> FrequentLabels(const Corpus& corpus) {
  std::unordered_map<std::string_view, std::vector<std::pair<std::string_view, int64_t>>> counts;  // in order of sight
  for (const Sentence& sentence : corpus.sentences) {
    for (size_t i = 0; i < sentence.words.size(); ++i) {
      auto& labels = counts[sentence.words[i]];
      const std::string_view label = LabelOf(sentence.tags[i]);
      const auto found =
          std::find_if(labels.begin(), labels.end(), [&](const auto& entry) { return entry.first == label; });
      if (found == labels.end()) {
        labels.emplace_back(label, 1);
      } else {
        ++found->second;
      }
    }
  }
  std::unordered_map<std::string_view, std::string_view> best;
  for (const auto& [word, labels] : counts) {
    best[word] = std::max_element(labels.begin(), labels.end(), [](const auto& a, const auto& b) {
                   return a.second < b.second;
                 })->first;
  }
  return best;
}

}  // namespace

Scores WordLookupScores(const Corpus& train, const Corpus& validation) {
  const std::unordered_map<std::string_view, std::string_view> labels = FrequentLabels(train);
  std::vector<TagSequence> gold;
  std::vector<TagSequence> predicted;
  for (const Sentence& sentence : validation.sentences) {
    gold.push_back(sentence.tags);
    TagSequence& tags = predicted.emplace_back();
    std::string_view before;
    for (const std::string& word : sentence.words) {
      const auto found = labels.find(word);
      const std::string_view label = found == labels.end() ? std::string_view() : found->second;
      tags.push_back(label.empty() ? "O" : (label == before ? "I-" : "B-") + std::string(label));
      before = label;
    }
  }
  return ScoreTags(gold, predicted);
}

EntityScores UnseenEntityScores(const Corpus& train, const Corpus& validation, std::span<const TagSequence> predicted) {
  std::unordered_set<std::string> seen;
  for (const Sentence& sentence : train.sentences) {
    for (const Span& entity : SeqevalEntities(sentence.tags)) seen.insert(SurfaceForm(sentence, entity));
  }
  int64_t support = 0;
  int64_t guesses = 0;
  int64_t correct = 0;
  for (size_t i = 0; i < validation.sentences.size(); ++i) {
    const Sentence& sentence = validation.sentences[i];
    const std::vector<Span> gold = SeqevalEntities(sentence.tags);
    for (const Span& entity : gold) support += seen.contains(SurfaceForm(sentence, entity)) ? 0 : 1;
    for (const Span& entity : SeqevalEntities(predicted[i])) {
      if (seen.contains(SurfaceForm(sentence, entity))) continue;
      ++guesses;
      correct += std::find(gold.begin(), gold.end(), entity) != gold.end() ? 1 : 0;
    }
  }
  return ScoresOf("", support, guesses, correct);
}

}  // namespace fintag
