#include "core/text/corpus.h"

#include "core/text/conll_reader.h"
#include "core/text/corpus_builder.h"
#include "core/text/json_lines_reader.h"
#include "core/text/strings.h"
#include "core/text/text_lines.h"

namespace fintag {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

std::string_view SkipSpace(std::string_view text) {
  const size_t begin = text.find_first_not_of(kSpace);
  return begin == std::string_view::npos ? std::string_view() : text.substr(begin);
}

// A JSON list of objects, which some tools write in place of lines.
bool IsJsonList(std::string_view start) {
  return !start.empty() && start.front() == '[' && SkipSpace(start.substr(1)).substr(0, 1) == "{";
}

// `{` may also be the first word of columns.
bool IsJsonObject(std::string_view start) {
  if (start.empty() || start.front() != '{') return false;
  const std::string_view next = SkipSpace(start.substr(1));
  return next.empty() || next.front() == '"' || next.front() == '}';
}

void AppendJsonString(std::string_view value, std::string& out) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  for (char c : value) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += "\\u00";
      out += kHex[static_cast<unsigned char>(c) >> 4];
      out += kHex[c & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

void AppendJsonList(const std::vector<std::string>& values, std::string& out) {
  out += '[';
  for (size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out += ',';
    AppendJsonString(values[i], out);
  }
  out += ']';
}

}  // namespace

absl::StatusOr<Corpus> ReadCorpus(std::string_view bytes, std::string_view file_name, std::vector<LineError>* errors) {
  if (errors != nullptr) errors->clear();
  CorpusBuilder builder;
  const std::string_view start = SkipSpace(WithoutByteOrderMark(bytes));
  const std::string_view first_two = bytes.substr(0, 2);
  if (first_two == "\xFF\xFE" || first_two == "\xFE\xFF") {
    builder.AddError(1, "the file is UTF-16; save it as UTF-8");
  } else if (IsJsonList(start)) {
    builder.AddError(1, "the file is one JSON list; write each object on a line of its own, without the list");
  } else if (IsJsonObject(start)) {
    ReadJsonLines(bytes, builder);
  } else {
    ReadConll(bytes, builder);
  }
  return std::move(builder).Finish(file_name, errors);
}

std::string WriteJsonLines(const Corpus& corpus) {
  std::string out;
  for (const Sentence& sentence : corpus.sentences) {
    out += "{\"tokens\":";
    AppendJsonList(sentence.words, out);
    out += ",\"tags\":";
    AppendJsonList(sentence.tags, out);
    if (corpus.documents > 0) out += StrCat(",\"document\":", sentence.document);
    out += "}\n";
  }
  return out;
}

}  // namespace fintag
