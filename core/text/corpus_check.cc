#include "core/text/corpus_check.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_join.h"
#include "core/text/conll_reader.h"
#include "core/text/json_lines_reader.h"
#include "core/text/quoted.h"
#include "core/text/strings.h"

namespace fintag {

void CorpusCheck::AddSentence(std::vector<std::string> words, std::vector<std::string> tags, int64_t line,
                              std::string_view document, Tags source) {
  if (source != Tags::kSpans) {
    detector_.Add(
        tags, line,
        source == Tags::kLineAWord ? SchemeDetector::Layout::kLineAWord : SchemeDetector::Layout::kLineASentence);
  }
  const int32_t next = static_cast<int32_t>(documents_.size());
  const int32_t index = documents_.try_emplace(std::string(document), next).first->second;
  empty_ = false;
  if (taken_.ok()) taken_ = taker_({std::move(words), std::move(tags), index, line}, source);
}

absl::StatusOr<CorpusCheck::Found> CorpusCheck::Finish(std::string_view file_name, std::vector<LineError>* errors) && {
  if (!taken_.ok()) return taken_;
  const std::optional<TagScheme> scheme = detector_.Detected();
  if (!scheme) {
    for (LineError& error : detector_.Errors()) errors_.push_back(std::move(error));
  }
  if (empty_ && errors_.empty()) AddError(1, "the file has no sentence");
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
  const bool marked = documents_.size() > 1 || !documents_.contains("");
  return Found{*scheme, marked ? static_cast<int32_t>(documents_.size()) : 0};
}

void ReadCorpusLines(TextLines& lines, CorpusCheck& check) {
  const std::string& first = lines.first_visible();
  if (lines.first_bytes() == "\xFF\xFE" || lines.first_bytes() == "\xFE\xFF") {
    check.AddError(1, "the file is UTF-16; save it as UTF-8");
  } else if (first == "[{") {  // which some tools write in place of lines
    check.AddError(1, "the file is one JSON list; write each object on a line of its own, without the list");
  } else if (first == "{" || first == "{\"" || first == "{}") {  // `{` may also be the first word of columns
    ReadJsonLines(lines, check);
  } else {
    ReadConll(lines, check);
  }
}

void TurnIntoIob2(TagScheme scheme, CorpusCheck::Tags source, Sentence& sentence) {
  if (scheme == TagScheme::kIob2 || source == CorpusCheck::Tags::kSpans) return;
  sentence.tags = Iob2Tags(SpansOf(sentence.tags, scheme), static_cast<int32_t>(sentence.words.size()));
}

std::string WhyNoTag(std::string_view tag) {
  constexpr std::string_view kWanted = "a tag is O, or one of B-, I-, E-, S-, L-, U- and a label, such as B-ORG";
  if (tag.empty()) return StrCat("the tag is empty; ", kWanted);
  if (tag.size() == 2 && tag[1] == '-') return StrCat("the tag ", Quoted(tag), " has no label; ", kWanted);
  return StrCat(Quoted(tag), " is no tag; ", kWanted);
}

}  // namespace fintag
