#include "core/text/json_lines_reader.h"

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "core/text/json_record.h"
#include "core/text/strings.h"
#include "core/text/text_annotation.h"
#include "core/text/text_lines.h"
#include "core/text/utf8.h"

namespace fintag {
namespace {

void AddTokens(JsonRecord record, int64_t line, CorpusCheck& check) {
  std::vector<std::string>& tokens = *record.tokens;
  std::vector<std::string>& tags = *record.tags;
  if (tokens.size() != tags.size()) {
    return check.AddError(line, StrCat("\"tokens\" has ", tokens.size(), " entries but \"tags\" has ", tags.size()));
  }
  if (tokens.empty()) return check.AddError(line, "\"tokens\" is empty");
  for (size_t i = 0; i < tokens.size() && !check.full(); ++i) {
    if (tokens[i].empty()) check.AddError(line, StrCat("tokens[", i, "] is empty"));
    if (!ParseTag(tags[i])) {
      check.AddError(line, StrCat("tags[", i, "]: ", WhyNoTag(tags[i])));
      tags[i].clear();
    }
  }
  check.AddSentence(std::move(tokens), std::move(tags), line, record.document, CorpusCheck::Tags::kLineASentence);
}

void AddText(const JsonRecord& record, int64_t line, CorpusCheck& check) {
  std::vector<std::string> reasons;
  TaggedWords tagged = TagText(*record.text, *record.entities, reasons);
  for (size_t i = 0; i < reasons.size() && !check.full(); ++i) check.AddError(line, std::move(reasons[i]));
  if (!reasons.empty()) return;
  check.AddSentence(std::move(tagged.words), std::move(tagged.tags), line, record.document, CorpusCheck::Tags::kSpans);
}

void AddLine(std::string_view line, int64_t number, CorpusCheck& check) {
  if (line.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max())) {
    return check.AddError(number, "the line is longer than 2 GiB");
  }
  const absl::Status valid = ValidateUtf8(line);
  if (!valid.ok()) return check.AddError(number, std::string(valid.message()));
  absl::StatusOr<JsonRecord> record = ParseJsonRecord(line);
  if (!record.ok()) return check.AddError(number, std::string(record.status().message()));
  if (record->tokens || record->tags) {
    if (record->entities) return check.AddError(number, "both \"tags\" and \"entities\" are given; keep one");
    if (!record->tags) return check.AddError(number, "\"tags\" is missing");
    if (!record->tokens) return check.AddError(number, "\"tokens\" is missing");
    return AddTokens(*std::move(record), number, check);
  }
  if (!record->text && !record->entities) {
    return check.AddError(number, "the object needs \"tokens\" and \"tags\", or \"text\" and \"entities\"");
  }
  if (!record->text) return check.AddError(number, "\"text\" is missing");
  if (!record->entities) {
    return check.AddError(number, "\"entities\" is missing; a text without entities has \"entities\":[]");
  }
  AddText(*record, number, check);
}

}  // namespace

void ReadJsonLines(TextLines& lines, CorpusCheck& check) {
  std::string_view line;
  while (!check.full() && lines.Next(line)) {
    if (line.find_first_not_of(" \t") == std::string_view::npos) continue;
    AddLine(line, lines.number(), check);
  }
}

}  // namespace fintag
