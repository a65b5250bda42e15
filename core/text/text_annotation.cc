#include "core/text/text_annotation.h"

#include <algorithm>

#include "core/text/corpus_check.h"
#include "core/text/quoted.h"
#include "core/text/strings.h"
#include "core/text/tag_scheme.h"
#include "core/text/utf8.h"
#include "core/text/word_splitter.h"

namespace fintag {
namespace {

// Indices of the entities that make sense by themselves, by their start.
std::vector<size_t> CheckedOrder(const std::vector<JsonEntity>& entities, int64_t length,
                                 std::vector<std::string>& reasons) {
  std::vector<size_t> order;
  for (size_t i = 0; i < entities.size() && reasons.size() < CorpusCheck::kMaxErrors; ++i) {
    const JsonEntity& entity = entities[i];
    const auto range = [&] { return StrCat("entities[", i, "] (", entity.start, " to ", entity.end, ")"); };
    if (entity.label.empty()) {
      reasons.push_back(StrCat(range(), " has an empty label"));
    } else if (entity.start < 0 || entity.end > length || entity.start > length) {
      reasons.push_back(StrCat(range(), " is out of range: the text has ", length, " characters"));
    } else if (entity.start >= entity.end) {
      reasons.push_back(StrCat(range(), " is empty; the end is exclusive"));
    } else {
      order.push_back(i);
    }
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return entities[a].start < entities[b].start; });
  // The one that reaches furthest so far, since a long entity may overlap many that follow.
  for (size_t i = 1, furthest = 0; i < order.size() && reasons.size() < CorpusCheck::kMaxErrors; ++i) {
    const JsonEntity& before = entities[order[furthest]];
    const JsonEntity& entity = entities[order[i]];
    if (entity.start < before.end) {
      reasons.push_back(StrCat("entities[", order[i], "] (", Quoted(entity.label), ", ", entity.start, " to ",
                               entity.end, ") overlaps entities[", order[furthest], "] (", Quoted(before.label), ", ",
                               before.start, " to ", before.end, ")"));
    }
    if (entity.end > before.end) furthest = i;
  }
  return order;
}

// Cuts a word at `cuts`, code points of the text strictly inside it, in order.
void CutWord(const TextWord& word, const std::vector<int64_t>& cuts, std::vector<TextWord>& pieces) {
  size_t byte = 0;
  size_t begin_byte = 0;
  int64_t point = word.begin;
  int64_t begin = word.begin;
  const auto add = [&] {
    pieces.push_back(
        {word.text.substr(begin_byte, byte - begin_byte), static_cast<int32_t>(begin), static_cast<int32_t>(point)});
    begin_byte = byte;
    begin = point;
  };
  for (int64_t cut : cuts) {
    for (; point < cut; ++point) NextCodePoint(word.text, byte);
    add();
  }
  byte = word.text.size();
  point = word.end;
  add();
}

}  // namespace

TaggedWords TagText(std::string_view text, const std::vector<JsonEntity>& entities, std::vector<std::string>& reasons) {
  TaggedWords tagged;
  const std::vector<size_t> order = CheckedOrder(entities, CountCodePoints(text), reasons);
  absl::StatusOr<std::vector<TextWord>> words = SplitWords(text);
  if (!words.ok()) reasons.emplace_back(words.status().message());
  if (words.ok() && words->empty()) reasons.emplace_back("\"text\" has no words");
  if (!reasons.empty()) return tagged;

  std::vector<int64_t> bounds;  // rising, since the entities do not overlap
  for (size_t i : order) {
    bounds.push_back(entities[i].start);
    bounds.push_back(entities[i].end);
  }
  std::vector<TextWord> pieces;
  std::vector<int64_t> cuts;
  auto bound = bounds.begin();
  for (TextWord& word : *words) {
    cuts.clear();
    while (bound != bounds.end() && *bound <= word.begin) ++bound;
    for (; bound != bounds.end() && *bound < word.end; ++bound) {
      if (cuts.empty() || cuts.back() != *bound) cuts.push_back(*bound);
    }
    if (cuts.empty()) {
      pieces.push_back(std::move(word));
    } else {
      CutWord(word, cuts, pieces);
    }
  }

  std::vector<Span> spans;
  size_t piece = 0;
  for (size_t i : order) {
    const JsonEntity& entity = entities[i];
    while (piece < pieces.size() && pieces[piece].begin < entity.start) ++piece;
    const size_t begin = piece;
    while (piece < pieces.size() && pieces[piece].end <= entity.end) ++piece;
    if (piece == begin) {
      reasons.push_back(StrCat("entities[", i, "] (", entity.start, " to ", entity.end, ") covers no word"));
    } else {
      spans.push_back({static_cast<int32_t>(begin), static_cast<int32_t>(piece), entity.label});
    }
  }
  tagged.tags = Iob2Tags(spans, static_cast<int32_t>(pieces.size()));
  tagged.words.reserve(pieces.size());
  for (TextWord& word : pieces) tagged.words.push_back(std::move(word.text));
  return tagged;
}

}  // namespace fintag
