#include "core/training/scores.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

namespace fintag {
namespace {

// An entity of a run of sentences; positions count all tags and the O behind each sentence.
struct Entity {
  int64_t begin;
  int64_t end;  // exclusive
  std::string_view label;
};

// What get_entities makes of a tag: its first character, and all behind the first hyphen of the rest.
struct Chunk {
  char prefix = 'O';
  std::string_view label = "_";
};

Chunk ChunkOf(std::string_view tag) {
  if (tag.empty()) return {};  // seqeval raises an error
  const auto lead = static_cast<unsigned char>(tag[0]);
  const size_t first = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  std::string_view label = tag.substr(std::min(first, tag.size()));
  if (const size_t hyphen = label.find('-'); hyphen != std::string_view::npos) label.remove_prefix(hyphen + 1);
  return {tag[0], label.empty() ? "_" : label};
}

// get_entities of seqeval 1.2.2, a tag at a time.
class EntityFinder {
 public:
  void Add(std::string_view tag) {
    const Chunk chunk = ChunkOf(tag);
    if (Ends(chunk)) entities_.push_back({begin_, position_, before_.label});
    if (Starts(chunk)) begin_ = position_;
    before_ = chunk;
    ++position_;
  }

  std::vector<Entity>& entities() { return entities_; }

 private:
  bool Ends(const Chunk& chunk) const {
    switch (before_.prefix) {
      case 'E':
      case 'S':
        return true;
      case 'B':
      case 'I':
        if (chunk.prefix == 'B' || chunk.prefix == 'S' || chunk.prefix == 'O') return true;
        break;
      default:
        break;
    }
    return before_.prefix != 'O' && before_.prefix != '.' && before_.label != chunk.label;
  }

  bool Starts(const Chunk& chunk) const {
    switch (chunk.prefix) {
      case 'B':
      case 'S':
        return true;
      case 'E':
      case 'I':
        if (before_.prefix == 'E' || before_.prefix == 'S' || before_.prefix == 'O') return true;
        break;
      default:
        break;
    }
    return chunk.prefix != 'O' && chunk.prefix != '.' && before_.label != chunk.label;
  }

  Chunk before_ = {'O', ""};  // no label at the very start
  int64_t begin_ = 0;
  int64_t position_ = 0;
  std::vector<Entity> entities_;
};

struct Counts {
  int64_t support = 0;
  int64_t predicted = 0;
  int64_t correct = 0;
};

double Ratio(int64_t part, int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

template <typename Text>
std::vector<Span> SpansFrom(std::span<const Text> tags) {
  EntityFinder finder;
  for (const Text& tag : tags) finder.Add(tag);
  finder.Add("O");
  std::vector<Span> spans;
  for (const Entity& entity : finder.entities()) {
    spans.push_back({static_cast<int32_t>(entity.begin), static_cast<int32_t>(entity.end), std::string(entity.label)});
  }
  return spans;
}

}  // namespace

std::vector<Span> SeqevalEntities(std::span<const std::string> tags) { return SpansFrom(tags); }
std::vector<Span> SeqevalEntities(std::span<const std::string_view> tags) { return SpansFrom(tags); }

EntityScores ScoresOf(std::string label, int64_t support, int64_t predicted, int64_t correct) {
  EntityScores scores;
  scores.label = std::move(label);
  scores.precision = Ratio(correct, predicted);
  scores.recall = Ratio(correct, support);
  const double sum = scores.precision + scores.recall;
  scores.f1 = sum == 0 ? 0 : 2 * scores.precision * scores.recall / sum;
  scores.support = support;
  scores.predicted = predicted;
  scores.correct = correct;
  return scores;
}

struct TagScorer::State {
  Scores scores;  // words and confusion
  int64_t equal = 0;
  EntityFinder gold, predicted;
  std::map<std::string, Counts, std::less<>> labels;

  Counts& CountsOf(std::string_view label) {
    const auto found = labels.find(label);
    return found != labels.end() ? found->second : labels[std::string(label)];
  }

  // Counts the entities that ended since the last call: equal ones are found at the same word.
  void CountEntities() {
    for (const Entity& entity : gold.entities()) ++CountsOf(entity.label).support;
    // No two entities of a sequence end at the same place, so equal ones meet in a walk along their ends.
    auto other = gold.entities().begin();
    for (const Entity& entity : predicted.entities()) {
      Counts& counts = CountsOf(entity.label);
      ++counts.predicted;
      while (other != gold.entities().end() && other->end < entity.end) ++other;
      if (other != gold.entities().end() && other->end == entity.end && other->begin == entity.begin &&
          other->label == entity.label) {
        ++counts.correct;
      }
    }
    gold.entities().clear();
    predicted.entities().clear();
  }
};

TagScorer::TagScorer() : state_(std::make_unique<State>()) {}
TagScorer::~TagScorer() = default;

void TagScorer::Add(std::span<const std::string_view> gold, std::span<const std::string_view> predicted) {
  state_->scores.words += std::ssize(gold);
  for (size_t i = 0; i < gold.size(); ++i) state_->equal += gold[i] == predicted[i] ? 1 : 0;
  CountConfusion(gold, predicted, state_->scores.confusion);
  for (const std::string_view tag : gold) state_->gold.Add(tag);
  for (const std::string_view tag : predicted) state_->predicted.Add(tag);
  state_->gold.Add("O");
  state_->predicted.Add("O");
  state_->CountEntities();
}

Scores TagScorer::Finish() {
  state_->gold.Add("O");
  state_->predicted.Add("O");
  state_->CountEntities();
  Scores& scores = state_->scores;
  scores.accuracy = Ratio(state_->equal, scores.words);
  Counts all;
  for (const auto& [label, counts] : state_->labels) {
    scores.labels.push_back(ScoresOf(label, counts.support, counts.predicted, counts.correct));
    scores.macro.precision += scores.labels.back().precision;
    scores.macro.recall += scores.labels.back().recall;
    scores.macro.f1 += scores.labels.back().f1;
    all.support += counts.support;
    all.predicted += counts.predicted;
    all.correct += counts.correct;
  }
  scores.micro = ScoresOf("", all.support, all.predicted, all.correct);
  if (!state_->labels.empty()) {
    const auto count = static_cast<double>(state_->labels.size());
    scores.macro.precision /= count;
    scores.macro.recall /= count;
    scores.macro.f1 /= count;
  }
  scores.macro.support = all.support;
  scores.macro.predicted = all.predicted;
  scores.macro.correct = all.correct;
  return std::move(scores);
}

Scores ScoreTags(std::span<const TagSequence> gold, std::span<const TagSequence> predicted) {
  TagScorer scorer;
  for (size_t i = 0; i < gold.size(); ++i) {
    scorer.Add(std::vector<std::string_view>(gold[i].begin(), gold[i].end()),
               std::vector<std::string_view>(predicted[i].begin(), predicted[i].end()));
  }
  return scorer.Finish();
}

}  // namespace fintag
