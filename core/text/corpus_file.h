// A corpus that stays in its file: read through once to check it, and again whenever its sentences are wanted. What is
// kept in memory are eight bytes a sentence, and the names of documents while they are read.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/text/corpus.h"

namespace fintag {

struct CorpusFile {
  struct SentenceFacts {
    int32_t document;   // as in Sentence
    int32_t label_set;  // index of the labels that its tags have
  };

  std::filesystem::path path;  // empty: there is no such file
  std::string name;            // of the file, in messages
  TagScheme scheme = TagScheme::kIob2;
  int32_t documents = 0;  // as in Corpus
  std::deque<SentenceFacts> sentences;
  std::vector<std::vector<std::string>> label_sets;  // each sorted

  std::vector<std::string> labels() const;  // of all sentences, sorted
};

// Status and errors are those of ReadCorpus on the bytes of the file, or those of TextLines::Open.
absl::StatusOr<CorpusFile> CheckCorpusFile(const std::filesystem::path& path, const std::string& name,
                                           std::vector<LineError>* errors = nullptr);

// Gives `take` every sentence, with IOB2 tags, in order. The first status of `take` that is not OK ends it and is the
// answer. FAILED_PRECONDITION where the file is no longer what was checked.
absl::Status ReadSentences(const CorpusFile& file, absl::FunctionRef<absl::Status(const Sentence& sentence)> take);

struct CorpusSplit {
  std::vector<bool> second;  // of each sentence: whether it goes to the second part
  int64_t second_sentences = 0;
  std::vector<std::string> first_labels, second_labels;  // of each part, sorted
};

// Seeded split of a corpus without a validation part: whole documents where there are at least two, else sentences.
// `fraction` of the sentences (0 < fraction < 1) goes to the second part as nearly as documents allow; neither part
// is empty (INVALID_ARGUMENT if the corpus has fewer than two sentences).
absl::StatusOr<CorpusSplit> SplitCorpus(const CorpusFile& corpus, double fraction, uint64_t seed);

}  // namespace fintag
