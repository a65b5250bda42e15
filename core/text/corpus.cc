#include "core/text/corpus.h"

#include <set>

#include "core/text/corpus_check.h"
#include "core/text/strings.h"
#include "core/text/text_lines.h"

namespace fintag {
namespace {

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
  Corpus corpus;
  std::vector<CorpusCheck::Tags> sources;
  CorpusCheck check([&](Sentence sentence, CorpusCheck::Tags source) {
    corpus.sentences.push_back(std::move(sentence));
    sources.push_back(source);
    return absl::OkStatus();
  });
  TextLines lines(bytes);
  ReadCorpusLines(lines, check);
  const absl::StatusOr<CorpusCheck::Found> found = std::move(check).Finish(file_name, errors);
  if (!found.ok()) return found.status();
  corpus.scheme = found->scheme;
  corpus.documents = found->documents;
  std::set<std::string_view> labels;
  for (size_t i = 0; i < corpus.sentences.size(); ++i) {
    TurnIntoIob2(corpus.scheme, sources[i], corpus.sentences[i]);
    for (const std::string& tag : corpus.sentences[i].tags) {
      if (tag.size() > 2) labels.insert(std::string_view(tag).substr(2));
    }
  }
  corpus.labels.assign(labels.begin(), labels.end());
  return corpus;
}

void AppendJsonLine(const Sentence& sentence, Documents documents, std::string& out) {
  out += "{\"tokens\":";
  AppendJsonList(sentence.words, out);
  out += ",\"tags\":";
  AppendJsonList(sentence.tags, out);
  if (documents == Documents::kMarked) out += StrCat(",\"document\":", sentence.document);
  out += "}\n";
}

std::string WriteJsonLines(const Corpus& corpus) {
  std::string out;
  for (const Sentence& sentence : corpus.sentences) {
    AppendJsonLine(sentence, corpus.documents > 0 ? Documents::kMarked : Documents::kUnmarked, out);
  }
  return out;
}

}  // namespace fintag
