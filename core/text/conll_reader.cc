#include "core/text/conll_reader.h"

#include <string>
#include <utility>
#include <vector>

#include "core/text/strings.h"
#include "core/text/text_lines.h"
#include "core/text/utf8.h"

namespace fintag {
namespace {

constexpr std::string_view kBlank = " \t";
constexpr std::string_view kDocumentMark = "-DOCSTART-";

std::string_view Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

// First and last column of a line that is not blank; `last` is empty where there is only one column.
struct Columns {
  std::string_view first;
  std::string_view last;
};

// A line with a tab in it is separated by tabs alone, so that a word may contain spaces.
Columns SplitColumns(std::string_view line) {
  line = line.substr(0, line.find_last_not_of(kBlank) + 1);
  if (line.find('\t') == std::string_view::npos) line = Trimmed(line);
  const char separator = line.find('\t') != std::string_view::npos ? '\t' : ' ';
  const size_t first_end = line.find(separator);
  if (first_end == std::string_view::npos) return {line, {}};
  return {Trimmed(line.substr(0, first_end)), Trimmed(line.substr(line.rfind(separator) + 1))};
}

// Reads lines into sentences.
class ConllReader {
 public:
  explicit ConllReader(CorpusCheck& check) : check_(check) {}

  void ReadLine(std::string_view line, int64_t number) {
    if (Trimmed(line).empty()) return EndSentence();
    const absl::Status valid = ValidateUtf8(line);
    if (!valid.ok()) return AddBroken(number, std::string(valid.message()));
    const Columns columns = SplitColumns(line);
    if (columns.first == kDocumentMark) {
      EndSentence();
      document_ = StrCat(++documents_);
      return;
    }
    if (columns.last.empty()) {
      return AddBroken(number,
                       "one column only; a line needs the word in its first and the tag in its last column, separated "
                       "by tabs or spaces");
    }
    if (columns.first.empty()) return AddBroken(number, "the first column, the word, is empty");
    if (!ParseTag(columns.last)) return AddBroken(number, WhyNoTag(columns.last));
    AddWord(number, columns.first, columns.last);
  }

  void EndSentence() {
    if (words_.empty()) return;
    check_.AddSentence(std::exchange(words_, {}), std::exchange(tags_, {}), line_, document_,
                       CorpusCheck::Tags::kLineAWord);
  }

 private:
  void AddWord(int64_t number, std::string_view word, std::string_view tag) {
    if (words_.empty()) line_ = number;
    words_.emplace_back(word);
    tags_.emplace_back(tag);
  }

  // The word stays in its sentence, so that the words behind it keep their line numbers.
  void AddBroken(int64_t number, std::string reason) {
    check_.AddError(number, std::move(reason));
    AddWord(number, "?", "");
  }

  CorpusCheck& check_;
  std::vector<std::string> words_;
  std::vector<std::string> tags_;
  int64_t line_ = 0;  // of the sentence
  std::string document_;
  int64_t documents_ = 0;
};

}  // namespace

void ReadConll(TextLines& lines, CorpusCheck& check) {
  ConllReader reader(check);
  std::string_view line;
  while (!check.full() && lines.Next(line)) reader.ReadLine(line, lines.number());
  reader.EndSentence();
}

}  // namespace fintag
