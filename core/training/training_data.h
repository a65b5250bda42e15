// The corpora of a run: which sentences train and which are scored, both as token caches, and what the scores need to
// know of them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/text/corpus_file.h"
#include "core/text/wordpiece_tokenizer.h"
#include "core/training/scores.h"
#include "core/training/token_cache.h"
#include "core/training/training_options.h"
#include "core/training/word_lookup.h"

namespace fintag {

class TrainingData {
 public:
  // Splits a validation part off `train` where `validation` has no path. INVALID_ARGUMENT: a corpus that cannot be
  // split, a training part without entities. The files' descriptions must outlive it.
  static absl::StatusOr<TrainingData> Plan(const CorpusFile& train, const CorpusFile& validation,
                                           const TrainingOptions& options);

  // Of the model: "O" and B-X, I-X of the labels in training, sorted.
  const std::vector<std::string>& model_tags() const { return model_tags_; }

  // Reads both parts into caches on the disk of `folder`. To be called once, before all that follows. INVALID_ARGUMENT:
  // a training part without a token. Others are those of ReadSentences and TokenCacheWriter.
  absl::Status Encode(const WordPieceTokenizer& tokenizer, int64_t max_positions, const std::filesystem::path& folder);

  const TokenCache& train() const { return *train_; }
  const TokenCache& validation() const { return *validation_; }

  // What a user should know: that sentences were split off, and what is odd about the data.
  std::vector<std::string> SplitNotes() const;
  std::vector<std::string> Notes(int64_t max_positions) const;

  // The baseline on the validation part.
  const Scores& word_lookup() const { return word_lookup_; }

  // Scores the tags of the validation part's words, as Evaluate gives them: all entities, or those alone whose surface
  // form training never saw.
  Scores Score(std::span<const int32_t> predicted) const;
  EntityScores ScoreUnseen(std::span<const int32_t> predicted) const;

 private:
  TrainingData(const CorpusFile& train, const CorpusFile& validation)
      : train_file_(&train), validation_file_(&validation) {}

  absl::Status WriteCaches(const WordPieceTokenizer& tokenizer, int64_t max_positions, TokenCacheWriter& train,
                           TokenCacheWriter& validation, WordLookup& lookup);
  std::vector<std::string_view> Texts(std::span<const int32_t> tags) const;

  const CorpusFile* train_file_;
  const CorpusFile* validation_file_;
  std::optional<CorpusSplit> split_;
  std::vector<std::string> train_labels_, validation_labels_;
  std::vector<std::string> model_tags_;
  std::vector<std::string> tags_;  // in the caches by number: the model's, then those of the validation part alone
  std::optional<TokenCache> train_, validation_;
  SeenEntities seen_;
  Scores word_lookup_;
};

}  // namespace fintag
