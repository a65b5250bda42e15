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

void AddTokens(JsonRecord record, int64_t line, CorpusBuilder& builder) {
  std::vector<std::string>& tokens = *record.tokens;
  std::vector<std::string>& tags = *record.tags;
  if (tokens.size() != tags.size()) {
    return builder.AddError(line, StrCat("\"tokens\" has ", tokens.size(), " entries but \"tags\" has ", tags.size()));
  }
  if (tokens.empty()) return builder.AddError(line, "\"tokens\" is empty");
  for (size_t i = 0; i < tokens.size() && !builder.full(); ++i) {
    if (tokens[i].empty()) builder.AddError(line, StrCat("tokens[", i, "] is empty"));
    if (!ParseTag(tags[i])) {
      builder.AddError(line, StrCat("tags[", i, "]: ", WhyNoTag(tags[i])));
      tags[i].clear();
    }
  }
  builder.AddSentence(std::move(tokens), std::move(tags), line, record.document, CorpusBuilder::Tags::kLineASentence);
}

void AddText(const JsonRecord& record, int64_t line, CorpusBuilder& builder) {
  std::vector<std::string> reasons;
  TaggedWords tagged = TagText(*record.text, *record.entities, reasons);
  for (size_t i = 0; i < reasons.size() && !builder.full(); ++i) builder.AddError(line, std::move(reasons[i]));
  if (!reasons.empty()) return;
  builder.AddSentence(std::move(tagged.words), std::move(tagged.tags), line, record.document,
                      CorpusBuilder::Tags::kSpans);
}

void AddLine(std::string_view line, int64_t number, CorpusBuilder& builder) {
  if (line.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max())) {
    return builder.AddError(number, "the line is longer than 2 GiB");
  }
  const absl::Status valid = ValidateUtf8(line);
  if (!valid.ok()) return builder.AddError(number, std::string(valid.message()));
  absl::StatusOr<JsonRecord> record = ParseJsonRecord(line);
  if (!record.ok()) return builder.AddError(number, std::string(record.status().message()));
  if (record->tokens || record->tags) {
    if (record->entities) return builder.AddError(number, "both \"tags\" and \"entities\" are given; keep one");
    if (!record->tags) return builder.AddError(number, "\"tags\" is missing");
    if (!record->tokens) return builder.AddError(number, "\"tokens\" is missing");
    return AddTokens(*std::move(record), number, builder);
  }
  if (!record->text && !record->entities) {
    return builder.AddError(number, "the object needs \"tokens\" and \"tags\", or \"text\" and \"entities\"");
  }
  if (!record->text) return builder.AddError(number, "\"text\" is missing");
  if (!record->entities) {
    return builder.AddError(number, "\"entities\" is missing; a text without entities has \"entities\":[]");
  }
  AddText(*record, number, builder);
}

}  // namespace

void ReadJsonLines(std::string_view bytes, CorpusBuilder& builder) {
  TextLines lines(bytes);
  std::string_view line;
  while (!builder.full() && lines.Next(line)) {
    if (line.find_first_not_of(" \t") == std::string_view::npos) continue;
    AddLine(line, lines.number(), builder);
  }
}

}  // namespace fintag
