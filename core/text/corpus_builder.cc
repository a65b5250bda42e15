#include "core/text/corpus_builder.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_join.h"
#include "core/text/quoted.h"
#include "core/text/strings.h"

namespace fintag {

void CorpusBuilder::AddSentence(std::vector<std::string> words, std::vector<std::string> tags, int64_t line,
                                std::string_view document, Tags source) {
  if (source != Tags::kSpans) {
    detector_.Add(
        tags, line,
        source == Tags::kLineAWord ? SchemeDetector::Layout::kLineAWord : SchemeDetector::Layout::kLineASentence);
  }
  const int32_t next = static_cast<int32_t>(documents_.size());
  const int32_t index = documents_.try_emplace(std::string(document), next).first->second;
  corpus_.sentences.push_back({std::move(words), std::move(tags), index, line});
  from_spans_.push_back(source == Tags::kSpans);
}

absl::StatusOr<Corpus> CorpusBuilder::Finish(std::string_view file_name, std::vector<LineError>* errors) && {
  const std::optional<TagScheme> scheme = detector_.Detected();
  if (!scheme) {
    for (LineError& error : detector_.Errors()) errors_.push_back(std::move(error));
  }
  if (corpus_.sentences.empty() && errors_.empty()) AddError(1, "the file has no sentence");
  if (!errors_.empty()) {
    std::stable_sort(errors_.begin(), errors_.end(),
                     [](const LineError& a, const LineError& b) { return a.line < b.line; });
    if (errors_.size() > kMaxErrors) errors_.resize(kMaxErrors);
    const std::string message = absl::StrJoin(errors_, "\n", [&](std::string* out, const LineError& error) {
      *out += StrCat(file_name, ":", error.line, ": ", error.reason);
    });
    if (errors != nullptr) *errors = std::move(errors_);
    return absl::InvalidArgumentError(message);
  }

  corpus_.scheme = *scheme;
  corpus_.documents = documents_.size() == 1 && documents_.contains("") ? 0 : static_cast<int32_t>(documents_.size());
  if (*scheme != TagScheme::kIob2) {
    for (size_t i = 0; i < corpus_.sentences.size(); ++i) {
      Sentence& sentence = corpus_.sentences[i];
      if (from_spans_[i]) continue;
      sentence.tags = Iob2Tags(SpansOf(sentence.tags, *scheme), static_cast<int32_t>(sentence.words.size()));
    }
  }
  corpus_.labels = LabelsOf(corpus_.sentences);
  return std::move(corpus_);
}

std::string WhyNoTag(std::string_view tag) {
  constexpr std::string_view kWanted = "a tag is O, or one of B-, I-, E-, S-, L-, U- and a label, such as B-ORG";
  if (tag.empty()) return StrCat("the tag is empty; ", kWanted);
  if (tag.size() == 2 && tag[1] == '-') return StrCat("the tag ", Quoted(tag), " has no label; ", kWanted);
  return StrCat(Quoted(tag), " is no tag; ", kWanted);
}

std::vector<std::string> LabelsOf(const std::vector<Sentence>& sentences) {
  std::set<std::string_view> seen;
  for (const Sentence& sentence : sentences) {
    for (const std::string& tag : sentence.tags) {
      if (tag.size() > 2) seen.insert(std::string_view(tag).substr(2));
    }
  }
  return {seen.begin(), seen.end()};
}

}  // namespace fintag
