#include "core/training/training_data.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/training/corpus_encoder.h"
#include "core/training/random.h"
#include "core/training/seeds.h"

namespace fintag {

absl::StatusOr<TrainingData> TrainingData::Plan(const CorpusFile& train, const CorpusFile& validation,
                                                const TrainingOptions& options) {
  TrainingData data(train, validation);
  if (validation.path.empty()) {
    absl::StatusOr<CorpusSplit> split =
        SplitCorpus(train, options.validation_fraction, DeriveSeed(options.seed, kSplitStream, 0));
    if (!split.ok()) return split.status();
    data.train_labels_ = split->first_labels;
    data.validation_labels_ = split->second_labels;
    data.split_ = *std::move(split);
  } else {
    data.train_labels_ = train.labels();
    data.validation_labels_ = validation.labels();
  }
  if (data.train_labels_.empty()) {
    return absl::InvalidArgumentError("the training part has no entities: nothing to learn");
  }
  data.model_tags_ = TagsOf(data.train_labels_);
  std::vector<std::string> foreign;
  std::set_difference(data.validation_labels_.begin(), data.validation_labels_.end(), data.train_labels_.begin(),
                      data.train_labels_.end(), std::back_inserter(foreign));
  const std::vector<std::string> foreign_tags = TagsOf(foreign);
  data.tags_ = data.model_tags_;
  data.tags_.insert(data.tags_.end(), foreign_tags.begin() + 1, foreign_tags.end());
  return data;
}

absl::Status TrainingData::Encode(const WordPieceTokenizer& tokenizer, int64_t max_positions,
                                  const std::filesystem::path& folder) {
  const auto model_tags = static_cast<int32_t>(model_tags_.size());
  absl::StatusOr<TokenCacheWriter> train = TokenCacheWriter::Create(folder, model_tags);
  if (!train.ok()) return train.status();
  absl::StatusOr<TokenCacheWriter> validation = TokenCacheWriter::Create(folder, model_tags);
  if (!validation.ok()) return validation.status();
  WordLookup lookup;
  if (absl::Status written = WriteCaches(tokenizer, max_positions, *train, *validation, lookup); !written.ok()) {
    return written;
  }
  absl::StatusOr<TokenCache> mapped_train = std::move(*train).Finish();
  if (!mapped_train.ok()) return mapped_train.status();
  absl::StatusOr<TokenCache> mapped_validation = std::move(*validation).Finish();
  if (!mapped_validation.ok()) return mapped_validation.status();
  train_.emplace(*std::move(mapped_train));
  validation_.emplace(*std::move(mapped_validation));
  if (train_->totals().words == 0) return absl::InvalidArgumentError("no word of the training part has a token");
  TagScorer scorer;
  for (int64_t i = 0; i < validation_->size(); ++i) {
    const CachedSentence sentence = (*validation_)[i];
    scorer.Add(Texts(sentence.tags()), lookup.Tag(sentence.texts()));
  }
  word_lookup_ = scorer.Finish();
  return absl::OkStatus();
}

absl::Status TrainingData::WriteCaches(const WordPieceTokenizer& tokenizer, int64_t max_positions,
                                       TokenCacheWriter& train, TokenCacheWriter& validation, WordLookup& lookup) {
  CorpusEncoder encoder(tokenizer, max_positions, tags_);
  const auto add_validation = [&](const Sentence& sentence) {
    return encoder.Add(sentence, CorpusEncoder::Texts::kKeep, validation);
  };
  size_t index = 0;
  const auto add = [&](const Sentence& sentence) {
    if (split_.has_value() && split_->second[index++]) return add_validation(sentence);
    lookup.Learn(sentence);
    seen_.Learn(sentence);
    return encoder.Add(sentence, CorpusEncoder::Texts::kLeave, train);
  };
  if (absl::Status read = ReadSentences(*train_file_, add); !read.ok()) return read;
  return split_.has_value() ? absl::OkStatus() : ReadSentences(*validation_file_, add_validation);
}

std::vector<std::string> TrainingData::SplitNotes() const {
  if (!split_.has_value()) return {};
  return {absl::StrCat("no validation part given: ", split_->second_sentences,
                       " sentences were split off the training part")};
}

std::vector<std::string> TrainingData::Notes(int64_t max_positions) const {
  std::vector<std::string> notes;
  const int64_t long_sentences = train_->totals().long_sentences + validation_->totals().long_sentences;
  if (long_sentences > 0) {
    notes.push_back(absl::StrCat("sentences longer than the encoder's ", max_positions,
                                 " positions, trained and scored in overlapping windows: ", long_sentences));
  }
  const int64_t without_token = train_->totals().words_without_token + validation_->totals().words_without_token;
  if (without_token > 0) {
    notes.push_back(absl::StrCat("words without a token (control characters alone), always tagged O: ", without_token));
  }
  if (validation_labels_.empty()) {
    notes.emplace_back("the validation part has no entities: F1 is 0, the best epoch is that of the lowest loss");
  }
  for (const std::string& label : validation_labels_) {
    if (std::binary_search(train_labels_.begin(), train_labels_.end(), label)) continue;
    notes.push_back(absl::StrCat("label ", label, " is in the validation part alone: it cannot be learned"));
  }
  return notes;
}

Scores TrainingData::Score(std::span<const int32_t> predicted) const {
  TagScorer scorer;
  for (int64_t i = 0; i < validation_->size(); ++i) {
    const std::span<const int32_t> gold = (*validation_)[i].tags();
    scorer.Add(Texts(gold), Texts(predicted.first(gold.size())));
    predicted = predicted.subspan(gold.size());
  }
  return scorer.Finish();
}

EntityScores TrainingData::ScoreUnseen(std::span<const int32_t> predicted) const {
  UnseenEntityScorer scorer(seen_);
  for (int64_t i = 0; i < validation_->size(); ++i) {
    const CachedSentence sentence = (*validation_)[i];
    const std::span<const int32_t> gold = sentence.tags();
    scorer.Add(sentence.texts(), Texts(gold), Texts(predicted.first(gold.size())));
    predicted = predicted.subspan(gold.size());
  }
  return scorer.Finish();
}

std::vector<std::string_view> TrainingData::Texts(std::span<const int32_t> tags) const {
  std::vector<std::string_view> texts;
  texts.reserve(tags.size());
  for (const int32_t tag : tags) texts.emplace_back(tags_[static_cast<size_t>(tag)]);
  return texts;
}

}  // namespace fintag
