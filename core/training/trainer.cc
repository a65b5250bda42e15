#include "core/training/trainer.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/model/checkpoint_folder.h"
#include "core/model/dense.h"
#include "core/model/device.h"
#include "core/model/token_classifier.h"
#include "core/model/torch_status.h"
#include "core/training/batches.h"
#include "core/training/encoded_corpus.h"
#include "core/training/epoch_list.h"
#include "core/training/evaluation.h"
#include "core/training/file_io.h"
#include "core/training/optimizer.h"
#include "core/training/progress_meter.h"
#include "core/training/random.h"
#include "core/training/schedule.h"
#include "core/training/seeds.h"
#include "core/training/training_record.h"
#include "core/training/word_lookup.h"

namespace fintag {
namespace {

constexpr char kRecordFile[] = "fintag.json";
constexpr int64_t kShortestWindow = 8;  // MakeWindows needs as much

int32_t UseThreads(int32_t wanted) {
  const int threads = wanted > 0 ? wanted : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  at::set_num_threads(threads);
  return threads;
}

// Sums in a fixed order where LibTorch can: two equal runs then write the same bytes.
void UseDeterministicAlgorithms() {
  at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/true);
  at::globalContext().setDeterministicFillUninitializedMemory(false);
}

absl::Status CheckOptions(const TrainingOptions& options) {
  std::vector<std::string> errors;
  for (const FieldError& error : CheckTrainingOptions(options)) {
    errors.push_back(absl::StrCat(error.field, " ", error.reason));
  }
  return errors.empty() ? absl::OkStatus() : absl::InvalidArgumentError(absl::StrJoin(errors, "\n"));
}

class TrainingRun {
 public:
  TrainingRun(const TrainingInput& input, const TrainingOptions& options, TrainingObserver& observer,
              const std::atomic<bool>& stop)
      : input_(input), options_(options), observer_(observer), stop_(stop) {}

  absl::StatusOr<TrainingResult> Run() {
    if (absl::Status ready = Prepare(); !ready.ok()) return ready;
    for (int32_t epoch = 1; epoch <= options_.epochs; ++epoch) {
      absl::StatusOr<bool> whole = RunEpoch(epoch);
      if (!whole.ok()) return whole.status();
      if (!*whole) {
        record_.result.cancelled = true;
        break;
      }
    }
    return Finish();
  }

 private:
  absl::Status Prepare();
  absl::Status SplitOffValidation();
  absl::Status LoadModel(const std::vector<std::string>& tags);
  absl::Status EncodeParts(const std::vector<std::string>& tags);
  void DescribeStart(const std::vector<std::string>& tags);

  // False where `stop` ended it.
  absl::StatusOr<bool> RunEpoch(int32_t epoch);
  // Trains on `batches` and updates once. Nothing where `stop` ended it.
  absl::StatusOr<std::optional<double>> RunStep(std::span<const SentenceBatch> batches, double learning_rate);
  absl::Status Diverged(int64_t step) const;
  absl::Status EvaluateEpoch(EpochResult& result);
  absl::Status Keep(const EpochResult& result);
  absl::Status ScorePrecisions();
  absl::StatusOr<TrainingResult> Finish();

  const TrainingInput& input_;
  const TrainingOptions& options_;
  TrainingObserver& observer_;
  const std::atomic<bool>& stop_;

  Corpus split_train_, split_validation_;  // where the validation part was split off
  const Corpus* train_ = nullptr;
  const Corpus* validation_ = nullptr;
  std::vector<TagSequence> gold_;
  EncodedCorpus encoded_train_, encoded_validation_;
  std::unique_ptr<TokenClassifier> model_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<ProgressMeter> meter_;
  TrainingRecord record_;
  int64_t step_ = 0;        // optimiser steps done
  uint64_t batch_ = 0;      // batches done: the dropout stream's index
  int64_t step_words_ = 0;  // of the latest step
};

absl::Status TrainingRun::Prepare() {
  record_.base_sha256 = input_.base_sha256;
  record_.train_sha256 = input_.train_sha256;
  record_.validation_sha256 = input_.validation_sha256;
  record_.options = options_;
  if (absl::Status valid = CheckOptions(options_); !valid.ok()) return valid;
  if (absl::Status split = SplitOffValidation(); !split.ok()) return split;
  if (train_->labels.empty()) return absl::InvalidArgumentError("the training part has no entities: nothing to learn");
  const std::vector<std::string> tags = TagsOf(train_->labels);
  if (absl::Status loaded = LoadModel(tags); !loaded.ok()) return loaded;
  if (absl::Status encoded = EncodeParts(tags); !encoded.ok()) return encoded;
  if (encoded_train_.words == 0) return absl::InvalidArgumentError("no word of the training part has a token");
  optimizer_ = MakeOptimizer(model_->parameters(), options_);
  meter_ = std::make_unique<ProgressMeter>(encoded_train_.tokens, options_.epochs, encoded_validation_.tokens);
  gold_ = GoldTags(*validation_);
  DescribeStart(tags);
  observer_.OnStart(record_.start);
  return absl::OkStatus();
}

absl::Status TrainingRun::SplitOffValidation() {
  train_ = &input_.train;
  validation_ = &input_.validation;
  if (!validation_->sentences.empty()) return absl::OkStatus();
  absl::StatusOr<std::pair<Corpus, Corpus>> parts =
      SplitCorpus(input_.train, options_.validation_fraction, DeriveSeed(options_.seed, kSplitStream, 0));
  if (!parts.ok()) return parts.status();
  std::tie(split_train_, split_validation_) = *std::move(parts);
  train_ = &split_train_;
  validation_ = &split_validation_;
  record_.start.notes.push_back(absl::StrCat("no validation part given: ", validation_->sentences.size(),
                                             " sentences were split off the training part"));
  return absl::OkStatus();
}

absl::Status TrainingRun::LoadModel(const std::vector<std::string>& tags) {
  const absl::StatusOr<at::Device> device = SelectDevice(options_.device);
  if (!device.ok()) return device.status();
  record_.start.device = DeviceName(*device);
  record_.start.threads = UseThreads(options_.threads);
  UseDeterministicAlgorithms();
  absl::StatusOr<Checkpoint> base = ReadCheckpoint(input_.base);
  if (!base.ok()) return base.status();
  for (const std::string& note : base->notes) record_.start.notes.push_back(note);
  if (base->config.max_positions < kShortestWindow) {
    return absl::InvalidArgumentError(absl::StrCat("config.json: max_position_embeddings must be at least ",
                                                   kShortestWindow, ", is ", base->config.max_positions));
  }
  absl::StatusOr<std::unique_ptr<TokenClassifier>> model =
      TokenClassifier::Create(*base, tags, DeriveSeed(options_.seed, kClassifierStream, 0), *device);
  if (!model.ok()) return model.status();
  model_ = *std::move(model);
  if (options_.dropout) model_->set_dropout(*options_.dropout);
  if (options_.precision == "bf16") {
    if (absl::Status mixed = model_->TrainInMixedPrecision(); !mixed.ok()) return mixed;
  }
  record_.start.parameters = model_->parameter_count();
  return absl::OkStatus();
}

absl::Status TrainingRun::EncodeParts(const std::vector<std::string>& tags) {
  const absl::StatusOr<std::shared_ptr<const WordPieceTokenizer>> tokenizer = WordPieceTokenizer::Load(input_.base);
  if (!tokenizer.ok()) return tokenizer.status();
  const BertConfig& config = model_->config();
  if ((*tokenizer)->vocabulary_size() > config.vocabulary_size) {
    return absl::InvalidArgumentError(absl::StrCat("the tokenizer has ", (*tokenizer)->vocabulary_size(),
                                                   " tokens, config.json's vocab_size is ", config.vocabulary_size));
  }
  absl::StatusOr<EncodedCorpus> train = EncodeCorpus(*train_, **tokenizer, config.max_positions, tags);
  if (!train.ok()) return train.status();
  absl::StatusOr<EncodedCorpus> validation = EncodeCorpus(*validation_, **tokenizer, config.max_positions, tags);
  if (!validation.ok()) return validation.status();
  encoded_train_ = *std::move(train);
  encoded_validation_ = *std::move(validation);
  return absl::OkStatus();
}

void TrainingRun::DescribeStart(const std::vector<std::string>& tags) {
  TrainingStart& start = record_.start;
  start.train_sentences = std::ssize(train_->sentences);
  start.train_tokens = encoded_train_.tokens;
  start.validation_sentences = std::ssize(validation_->sentences);
  start.tags = tags;
  for (int32_t epoch = 1; epoch <= options_.epochs; ++epoch) {
    // Batches by sentences are as many in every epoch; by tokens the order decides.
    if (epoch == 1 || (options_.batch_tokens > 0 && options_.shuffle)) {
      start.total_steps += StepsOf(std::ssize(PlanEpoch(encoded_train_, options_, epoch)), options_);
    } else {
      start.total_steps += start.total_steps / (epoch - 1);
    }
  }
  start.word_lookup = WordLookupScores(*train_, *validation_);
  const int64_t long_sentences = encoded_train_.long_sentences + encoded_validation_.long_sentences;
  if (long_sentences > 0) {
    start.notes.push_back(absl::StrCat("sentences longer than the encoder's ", model_->config().max_positions,
                                       " positions, trained and scored in overlapping windows: ", long_sentences));
  }
  const int64_t without_token = encoded_train_.words_without_token + encoded_validation_.words_without_token;
  if (without_token > 0) {
    start.notes.push_back(
        absl::StrCat("words without a token (control characters alone), always tagged O: ", without_token));
  }
  for (const std::string& label : validation_->labels) {
    if (std::find(train_->labels.begin(), train_->labels.end(), label) != train_->labels.end()) continue;
    start.notes.push_back(absl::StrCat("label ", label, " is in the validation part alone: it cannot be learned"));
  }
}

absl::StatusOr<bool> TrainingRun::RunEpoch(int32_t epoch) {
  const std::vector<SentenceBatch> batches = PlanEpoch(encoded_train_, options_, epoch);
  double loss_sum = 0;
  int64_t words = 0;
  meter_->StartTraining();
  for (size_t begin = 0; begin < batches.size(); begin += options_.gradient_accumulation) {
    const size_t end = std::min(batches.size(), begin + options_.gradient_accumulation);
    const double learning_rate = LearningRate(options_, step_, record_.start.total_steps);
    const auto loss = RunStep(std::span(batches).subspan(begin, end - begin), learning_rate);
    if (!loss.ok()) return loss.status();
    if (!loss->has_value()) return false;
    ++step_;
    loss_sum += **loss * static_cast<double>(step_words_);
    words += step_words_;
    TrainingProgress progress;
    progress.epoch = epoch;
    progress.step = step_;
    progress.total_steps = record_.start.total_steps;
    progress.tokens = meter_->tokens();
    progress.epoch_fraction =
        static_cast<double>(progress.tokens - (epoch - 1) * encoded_train_.tokens) / encoded_train_.tokens;
    progress.loss = **loss;
    progress.learning_rate = learning_rate;
    progress.tokens_per_second = meter_->tokens_per_second();
    progress.seconds_left = meter_->seconds_left();
    observer_.OnStep(progress);
  }
  EpochResult result;
  result.epoch = epoch;
  result.train_loss = words > 0 ? loss_sum / static_cast<double>(words) : 0;
  result.train_seconds = meter_->training_seconds();
  result.tokens_per_second = static_cast<double>(encoded_train_.tokens) / std::max(result.train_seconds, 1e-9);
  if (absl::Status evaluated = EvaluateEpoch(result); absl::IsCancelled(evaluated)) {
    return false;
  } else if (!evaluated.ok()) {
    return evaluated;
  }
  if (absl::Status kept = Keep(result); !kept.ok()) return kept;
  observer_.OnEpoch(result);
  return true;
}

absl::StatusOr<std::optional<double>> TrainingRun::RunStep(std::span<const SentenceBatch> batches,
                                                           double learning_rate) {
  std::vector<TrainingBatch> packed;
  step_words_ = 0;
  int64_t tokens = 0;
  for (const SentenceBatch& batch : batches) {
    packed.push_back(PackBatch(encoded_train_, batch));
    step_words_ += std::ssize(packed.back().rows);
    tokens += packed.back().packed.tokens();
  }
  double loss_sum = 0;
  for (const TrainingBatch& batch : packed) {
    if (stop_) return std::nullopt;
    const uint64_t dropout_seed = DeriveSeed(options_.seed, kDropoutStream, batch_++);
    if (batch.rows.empty()) continue;
    const at::Tensor logits = model_->TrainingLogits(batch.packed, batch.rows, dropout_seed);
    const at::Tensor gold = at::tensor(batch.tags, at::kLong).to(logits.device());
    // The mean over the words of the whole step, so that accumulation equals a larger batch.
    at::Tensor loss = at::cross_entropy_loss(logits, gold, {}, at::Reduction::Sum) / static_cast<double>(step_words_);
    loss.backward();
    loss_sum += loss.item<double>();
  }
  if (!std::isfinite(loss_sum)) return Diverged(step_ + 1);
  if (stop_) return std::nullopt;
  optimizer_->Step(learning_rate);
  meter_->Trained(tokens);
  return loss_sum;
}

absl::Status TrainingRun::Diverged(int64_t step) const {
  return absl::InvalidArgumentError(absl::StrCat("the loss is no longer finite at step ", step,
                                                 ": try a learning_rate below ", options_.learning_rate,
                                                 " or some warmup_ratio"));
}

absl::Status TrainingRun::EvaluateEpoch(EpochResult& result) {
  meter_->StartEvaluation();
  const absl::StatusOr<Evaluation> evaluation = Evaluate(*model_, encoded_validation_, stop_);
  if (!evaluation.ok()) return evaluation.status();
  // What the epoch's last step did shows here first; such weights tag every word alike and must not be kept.
  if (!std::isfinite(evaluation->loss)) return Diverged(step_);
  result.validation_loss = evaluation->loss;
  result.scores = ScoreTags(gold_, evaluation->predicted);
  result.unseen = UnseenEntityScores(*train_, *validation_, evaluation->predicted);
  meter_->EndEvaluation();
  result.validation_seconds = meter_->evaluation_seconds();
  const std::vector<EpochResult>& before = record_.result.epochs;
  result.best = std::all_of(before.begin(), before.end(), [&](const EpochResult& earlier) {
    return result.scores.micro.f1 > earlier.scores.micro.f1;
  });
  return absl::OkStatus();
}

absl::Status TrainingRun::Keep(const EpochResult& result) {
  AddEpoch(result, record_.result.epochs);
  if (result.best) record_.result.best_epoch = result.epoch;
  if (!result.best && options_.keep == KeepCheckpoint::kBest) return absl::OkStatus();
  record_.result.kept_epoch = result.epoch;
  return WriteCheckpoint(input_.checkpoint, model_->ToCheckpoint(), input_.base,
                         {{kRecordFile, TrainingRecordJson(record_)}});
}

// For precision auto (core/tagging/precision_choice.h). What goes wrong here takes nothing from the training.
absl::Status TrainingRun::ScorePrecisions() {
  const std::vector<EpochResult>& epochs = record_.result.epochs;
  const auto kept_epoch = std::find_if(
      epochs.begin(), epochs.end(), [&](const EpochResult& epoch) { return epoch.epoch == record_.result.kept_epoch; });
  const at::Device device = model_->device();
  const std::vector<Precision> precisions = FastPrecisions(device);
  if (kept_epoch == epochs.end() || precisions.size() < 2) return absl::OkStatus();
  optimizer_.reset();
  model_.reset();  // its weights may be of another epoch
  const absl::StatusOr<Checkpoint> kept = ReadCheckpoint(input_.checkpoint);
  if (!kept.ok()) return kept.status();
  std::map<std::string, double> scores;
  for (const Precision precision : precisions) {
    double& f1 = scores[std::string(PrecisionName(precision))];
    f1 = kept_epoch->scores.micro.f1;
    if (precision == Precision::kFloat32) continue;
    absl::StatusOr<std::unique_ptr<TokenClassifier>> model = TokenClassifier::Create(*kept, {}, /*seed=*/0, device);
    if (!model.ok()) return model.status();
    if (absl::Status converted = (*model)->Convert(precision); !converted.ok()) return converted;
    const absl::StatusOr<Evaluation> evaluation = Evaluate(**model, encoded_validation_, stop_);
    if (!evaluation.ok()) return evaluation.status();
    f1 = ScoreTags(gold_, evaluation->predicted).micro.f1;
  }
  record_.result.precision_f1 = std::move(scores);
  return absl::OkStatus();
}

absl::StatusOr<TrainingResult> TrainingRun::Finish() {
  if (record_.result.kept_epoch > 0 && !record_.result.cancelled) {
    if (const absl::Status scored = ScorePrecisions(); !scored.ok()) {
      record_.start.notes.push_back(absl::StrCat("not scored in other precisions: ", scored.message()));
    }
  }
  // The checkpoint was written with the epochs until then; the record names them all.
  if (record_.result.kept_epoch > 0) {
    const absl::Status replaced = ReplaceFile(input_.checkpoint / kRecordFile, TrainingRecordJson(record_));
    if (!replaced.ok()) return replaced;
  }
  return record_.result;
}

}  // namespace

absl::StatusOr<TrainingResult> Train(const TrainingInput& input, const TrainingOptions& options,
                                     TrainingObserver& observer, const std::atomic<bool>& stop) {
  return CatchTorch([&]() -> absl::StatusOr<TrainingResult> {
    TrainingRun run(input, options, observer, stop);
    return run.Run();
  });
}

}  // namespace fintag
