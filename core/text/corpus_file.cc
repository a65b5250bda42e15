#include "core/text/corpus_file.h"

#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "core/text/corpus_check.h"
#include "core/text/strings.h"
#include "core/text/text_lines.h"

namespace fintag {
namespace {

// Of tags of any scheme, sorted.
std::vector<std::string> LabelsOf(const std::vector<std::string>& tags) {
  std::set<std::string_view> labels;
  for (const std::string& tag : tags) {
    if (tag.size() > 2) labels.insert(std::string_view(tag).substr(2));
  }
  return {labels.begin(), labels.end()};
}

absl::StatusOr<CorpusCheck::Found> ReadThrough(const std::filesystem::path& path, const std::string& name,
                                               std::vector<LineError>* errors, CorpusCheck::Taker taker) {
  if (errors != nullptr) errors->clear();
  absl::StatusOr<TextLines> lines = TextLines::Open(path);
  if (!lines.ok()) return lines.status();
  CorpusCheck check(std::move(taker));
  ReadCorpusLines(*lines, check);
  if (!lines->status().ok()) return lines->status();
  return std::move(check).Finish(name, errors);
}

}  // namespace

std::vector<std::string> CorpusFile::labels() const {
  std::set<std::string> all;
  for (const std::vector<std::string>& labels : label_sets) all.insert(labels.begin(), labels.end());
  return {all.begin(), all.end()};
}

absl::StatusOr<CorpusFile> CheckCorpusFile(const std::filesystem::path& path, const std::string& name,
                                           std::vector<LineError>* errors) {
  CorpusFile file;
  file.path = path;
  file.name = name;
  std::map<std::vector<std::string>, int32_t> sets;
  const auto found = ReadThrough(path, name, errors, [&](Sentence sentence, CorpusCheck::Tags) {
    const auto [set, fresh] = sets.try_emplace(LabelsOf(sentence.tags), static_cast<int32_t>(sets.size()));
    if (fresh) file.label_sets.push_back(set->first);
    file.sentences.push_back({sentence.document, set->second});
    return absl::OkStatus();
  });
  if (!found.ok()) return found.status();
  file.scheme = found->scheme;
  file.documents = found->documents;
  return file;
}

absl::Status ReadSentences(const CorpusFile& file, absl::FunctionRef<absl::Status(const Sentence& sentence)> take) {
  const absl::Status changed = absl::FailedPreconditionError(StrCat(file.name, " was changed while it was read"));
  size_t index = 0;
  absl::Status taken;
  const auto found = ReadThrough(file.path, file.name, nullptr, [&](Sentence sentence, CorpusCheck::Tags source) {
    if (index == file.sentences.size()) return taken = changed;
    const CorpusFile::SentenceFacts& facts = file.sentences[index++];
    if (LabelsOf(sentence.tags) != file.label_sets[static_cast<size_t>(facts.label_set)]) return taken = changed;
    TurnIntoIob2(file.scheme, source, sentence);
    return taken = take(sentence);
  });
  if (!taken.ok()) return taken;
  if (!found.ok()) return absl::IsInvalidArgument(found.status()) ? changed : found.status();
  return index == file.sentences.size() && found->scheme == file.scheme ? absl::OkStatus() : changed;
}

}  // namespace fintag
