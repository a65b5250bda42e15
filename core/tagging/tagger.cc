#include "core/tagging/tagger.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/model/checkpoint_folder.h"
#include "core/model/dense.h"
#include "core/model/device.h"
#include "core/model/packed_batch.h"
#include "core/model/token_classifier.h"
#include "core/text/utf8.h"

namespace fintag {
namespace {

constexpr int64_t kFewestPositions = 8;  // MakeWindows

// Cuts pieces out of a text by code points, given in ascending order: one pass over the text for all of them.
class CodePointCutter {
 public:
  explicit CodePointCutter(std::string_view text) : text_(text) {}

  std::string Cut(int32_t begin, int32_t end) {
    const size_t first = ByteOf(begin);
    return std::string(text_.substr(first, ByteOf(end) - first));
  }

 private:
  size_t ByteOf(int32_t code_point) {
    while (code_point_ < code_point && byte_ < text_.size()) {
      NextCodePoint(text_, byte_);
      ++code_point_;
    }
    return byte_;
  }

  std::string_view text_;
  size_t byte_ = 0;
  int32_t code_point_ = 0;
};

// OpenMP keeps the number of threads for each calling thread by itself, and oneDNN asks OpenMP: setting it where the
// model is loaded would not reach the thread that runs it.
void UseThreads(int32_t threads) {
  thread_local int32_t used = 0;
  if (threads <= 0 || threads == used) return;
  at::set_num_threads(threads);
  used = threads;
}

class BertTagger final : public Tagger {
 public:
  BertTagger(std::shared_ptr<const WordPieceTokenizer> tokenizer, std::unique_ptr<TokenClassifier> classifier,
             Precision precision, int32_t threads)
      : tokenizer_(std::move(tokenizer)),
        classifier_(std::move(classifier)),
        precision_(precision),
        threads_(threads) {}

  absl::StatusOr<EncodedSentence> EncodeText(std::string_view text) const override {
    absl::StatusOr<std::vector<TextWord>> words = SplitWords(text);
    if (!words.ok()) return words.status();
    std::vector<std::string> texts;
    texts.reserve(words->size());
    for (const TextWord& word : *words) texts.push_back(word.text);
    EncodedSentence sentence;
    sentence.text = text;
    sentence.words = *std::move(words);
    if (absl::Status status = AddTokens(texts, sentence); !status.ok()) return status;
    return sentence;
  }

  absl::StatusOr<EncodedSentence> EncodeWords(std::span<const std::string> words) const override {
    EncodedSentence sentence;
    sentence.words.reserve(words.size());
    int32_t begin = 0;
    for (size_t i = 0; i < words.size(); ++i) {
      if (words[i].empty()) {
        return absl::InvalidArgumentError(absl::StrCat("word ", i, " is empty: leave it out"));
      }
      if (absl::Status status = ValidateUtf8(words[i]); !status.ok()) {
        return absl::Status(status.code(), absl::StrCat("word ", i, ": ", status.message()));
      }
      if (i > 0) sentence.text += ' ';
      sentence.text += words[i];
      const auto end = static_cast<int32_t>(begin + CountCodePoints(words[i]));
      sentence.words.push_back({words[i], begin, end});
      begin = end + 1;
    }
    if (absl::Status status = AddTokens(words, sentence); !status.ok()) return status;
    return sentence;
  }

  absl::Status Forward(std::span<const WindowRef> windows) const override {
    if (windows.empty()) return absl::OkStatus();
    UseThreads(threads_);
    PackedBatch batch;
    std::vector<int64_t> rows;  // the owned words', window behind window
    for (const WindowRef& ref : windows) {
      const Window& window = ref.sentence->windows[ref.window];
      for (const int32_t row : window.word_rows) rows.push_back(batch.tokens() + row);
      batch.Add(window.token_ids);
    }
    const absl::StatusOr<at::Tensor> logits = classifier_->Logits(batch, rows);
    if (!logits.ok()) return logits.status();

    const size_t tag_count = tags().size();
    const float* scores = logits->const_data_ptr<float>();
    for (const WindowRef& ref : windows) {
      EncodedSentence& sentence = *ref.sentence;
      for (const int32_t word : sentence.windows[ref.window].words) {
        std::copy_n(scores, tag_count, sentence.logits.begin() + word * static_cast<int64_t>(tag_count));
        scores += tag_count;
      }
    }
    return absl::OkStatus();
  }

  TaggedSentence Decode(const EncodedSentence& sentence, Decoding decoding) const override {
    const std::vector<WordTag> word_tags = DecodeTags(sentence.logits, tags(), decoding);
    TaggedSentence tagged;
    tagged.words.reserve(word_tags.size());
    for (const WordTag& word : word_tags) tagged.words.push_back({tags()[word.tag], word.score});

    CodePointCutter cutter(sentence.text);
    for (const WordEntity& found : EntitiesOf(word_tags, tags())) {
      TaggedEntity entity;
      entity.label = found.span.label;
      entity.begin = sentence.words[found.span.begin].begin;
      entity.end = sentence.words[found.span.end - 1].end;
      entity.text = cutter.Cut(entity.begin, entity.end);
      entity.first_word = found.span.begin;
      entity.last_word = found.span.end;
      entity.score = found.score;
      tagged.entities.push_back(std::move(entity));
    }
    return tagged;
  }

  const std::vector<std::string>& tags() const override { return classifier_->config().tags; }

  std::string device_name() const override { return DeviceName(classifier_->device()); }

  std::string precision() const override { return std::string(PrecisionName(precision_)); }

  int64_t memory_bytes() const override { return classifier_->memory_bytes(); }

 private:
  absl::Status AddTokens(std::span<const std::string> words, EncodedSentence& sentence) const {
    std::vector<Token> tokens;
    if (absl::Status status = tokenizer_->EncodeWords(words, tokens); !status.ok()) return status;
    const SpecialTokens& special = tokenizer_->special_tokens();
    sentence.windows = MakeWindows(tokens, special, classifier_->config().max_positions);
    for (const Window& window : sentence.windows) sentence.tokens += static_cast<int64_t>(window.token_ids.size());
    sentence.unknown_tokens =
        std::count_if(tokens.begin(), tokens.end(), [&](const Token& token) { return token.id == special.unknown; });
    sentence.logits.assign(words.size() * tags().size(), std::numeric_limits<float>::quiet_NaN());
    return absl::OkStatus();
  }

  std::shared_ptr<const WordPieceTokenizer> tokenizer_;
  std::unique_ptr<TokenClassifier> classifier_;
  const Precision precision_;
  const int32_t threads_;
};

absl::StatusOr<std::unique_ptr<Tagger>> LoadIn(const std::filesystem::path& folder, const at::Device& device,
                                               Precision precision, int32_t threads) {
  absl::StatusOr<Checkpoint> checkpoint = ReadCheckpoint(folder, WeightAccess::kRead);
  if (!checkpoint.ok()) return checkpoint.status();
  const BertConfig& config = checkpoint->config;
  // Create() would draw a fresh classifier where the weights have none: right for training, nonsense for tagging.
  if (config.tags.empty() || !checkpoint->tensors.contains("classifier.weight")) {
    return absl::FailedPreconditionError(
        absl::StrCat(folder.string(), " is a base encoder without a token classifier: train it first"));
  }
  if (config.max_positions < kFewestPositions) {
    return absl::InvalidArgumentError(absl::StrCat("config.json: max_position_embeddings is ", config.max_positions,
                                                   ", too few to tag with (at least ", kFewestPositions, ")"));
  }
  absl::StatusOr<std::shared_ptr<const WordPieceTokenizer>> tokenizer = WordPieceTokenizer::Load(folder);
  if (!tokenizer.ok()) return tokenizer.status();
  if ((*tokenizer)->vocabulary_size() > config.vocabulary_size) {
    return absl::InvalidArgumentError(absl::StrCat("the tokenizer has ", (*tokenizer)->vocabulary_size(),
                                                   " tokens, config.json's vocab_size says ", config.vocabulary_size,
                                                   ": they are not of one model"));
  }
  absl::StatusOr<std::unique_ptr<TokenClassifier>> classifier =
      TokenClassifier::Create(*checkpoint, {}, /*seed=*/0, device);
  if (!classifier.ok()) return classifier.status();
  if (absl::Status status = (*classifier)->Convert(precision); !status.ok()) return status;
  return std::make_unique<BertTagger>(*std::move(tokenizer), *std::move(classifier), precision, threads);
}

// Of forward passes over sentences of a usual length, the fastest of a few.
absl::StatusOr<double> MeasureSpeed(const Tagger& tagger) {
  constexpr std::string_view kSentence =
      "As of June 30 , 2023 , Fairhaven Bancorp , Inc . and its subsidiaries had $ 4.1 million outstanding under the "
      "credit agreement with First Harbor Bank , N.A . , as administrative agent in New York .";
  constexpr int kSentences = 16;
  constexpr int kPasses = 4;
  absl::StatusOr<EncodedSentence> sentence = tagger.EncodeText(kSentence);
  if (!sentence.ok()) return sentence.status();
  std::vector<WindowRef> windows;
  for (int i = 0; i < kSentences; ++i) {
    for (size_t window = 0; window < sentence->windows.size(); ++window) {
      windows.push_back({&*sentence, static_cast<int32_t>(window)});
    }
  }
  double fastest = std::numeric_limits<double>::infinity();
  for (int pass = 0; pass < kPasses; ++pass) {
    const auto start = std::chrono::steady_clock::now();
    if (absl::Status status = tagger.Forward(windows); !status.ok()) return status;
    fastest = std::min(fastest, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return static_cast<double>(kSentences * sentence->tokens) / fastest;
}

std::string MachineOf(const at::Device& device, const TaggerOptions& options) {
  return MachineName(device, options.threads > 0 ? options.threads : at::get_num_threads());
}

absl::StatusOr<std::unique_ptr<Tagger>> LoadFastest(const std::filesystem::path& folder, const at::Device& device,
                                                    const TaggerOptions& options) {
  const std::string machine = MachineOf(device, options);
  if (const auto chosen = ReadPrecisionChoice(folder, machine); chosen && PrecisionOfName(chosen->precision)) {
    return LoadIn(folder, device, *PrecisionOfName(chosen->precision), options.threads);
  }
  std::vector<PrecisionFigures> candidates;
  for (PrecisionFigures& scored : ScoredPrecisions(folder)) {
    for (const Precision precision : FastPrecisions(device)) {
      if (scored.precision != ScoreName(precision)) continue;
      scored.precision = PrecisionName(precision);
      candidates.push_back(std::move(scored));
      break;
    }
  }
  if (candidates.size() < 2) return LoadIn(folder, device, Precision::kFloat32, options.threads);

  std::vector<std::unique_ptr<Tagger>> taggers;
  for (PrecisionFigures& candidate : candidates) {
    auto tagger = LoadIn(folder, device, *PrecisionOfName(candidate.precision), options.threads);
    if (!tagger.ok()) return tagger.status();
    const absl::StatusOr<double> speed = MeasureSpeed(**tagger);
    if (!speed.ok()) return speed.status();
    candidate.tokens_per_second = *speed;
    taggers.push_back(*std::move(tagger));
  }
  const PrecisionChoice choice{machine, FastestPrecision(candidates), candidates};
  if (options.keep_choice) WritePrecisionChoice(folder, choice);
  return std::move(*std::find_if(taggers.begin(), taggers.end(),
                                 [&](const auto& tagger) { return tagger->precision() == choice.precision; }));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Tagger>> Tagger::Load(const std::filesystem::path& folder,
                                                     const TaggerOptions& options) {
  absl::StatusOr<at::Device> device = SelectDevice(options.device);
  if (!device.ok()) return device.status();
  if (options.precision == "auto") return LoadFastest(folder, *device, options);
  const std::optional<Precision> precision = PrecisionOfName(options.precision);
  if (!precision) {
    return absl::InvalidArgumentError(
        absl::StrCat("precision must be auto, fp32, bf16 or int8, is ", options.precision));
  }
  return LoadIn(folder, *device, *precision, options.threads);
}

std::optional<PrecisionChoice> ChosenPrecision(const std::filesystem::path& folder, const TaggerOptions& options) {
  const absl::StatusOr<at::Device> device = SelectDevice(options.device);
  if (!device.ok()) return std::nullopt;
  return ReadPrecisionChoice(folder, MachineOf(*device, options));
}

}  // namespace fintag
