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
#include "core/training/epoch_list.h"
#include "core/training/evaluation.h"
#include "core/training/file_io.h"
#include "core/training/optimizer.h"
#include "core/training/progress_meter.h"
#include "core/training/random.h"
#include "core/training/schedule.h"
#include "core/training/seeds.h"
#include "core/training/training_data.h"
#include "core/training/training_record.h"

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
  absl::Status LoadModel();
  absl::Status EncodeData();
  void DescribeStart();

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

  std::optional<TrainingData> data_;
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
  absl::StatusOr<TrainingData> data = TrainingData::Plan(input_.train, input_.validation, options_);
  if (!data.ok()) return data.status();
  data_.emplace(*std::move(data));
  record_.start.notes = data_->SplitNotes();
  if (absl::Status loaded = LoadModel(); !loaded.ok()) return loaded;
  if (absl::Status encoded = EncodeData(); !encoded.ok()) return encoded;
  optimizer_ = MakeOptimizer(model_->parameters(), options_);
  meter_ = std::make_unique<ProgressMeter>(data_->train().totals().tokens, options_.epochs,
                                           data_->validation().totals().tokens);
  DescribeStart();
  observer_.OnStart(record_.start);
  return absl::OkStatus();
}

absl::Status TrainingRun::LoadModel() {
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
      TokenClassifier::Create(*base, data_->model_tags(), DeriveSeed(options_.seed, kClassifierStream, 0), *device);
  if (!model.ok()) return model.status();
  model_ = *std::move(model);
  if (options_.dropout) model_->set_dropout(*options_.dropout);
  if (options_.precision == "bf16") {
    if (absl::Status mixed = model_->TrainInMixedPrecision(); !mixed.ok()) return mixed;
  }
  record_.start.parameters = model_->parameter_count();
  return absl::OkStatus();
}

absl::Status TrainingRun::EncodeData() {
  const absl::StatusOr<std::shared_ptr<const WordPieceTokenizer>> tokenizer = WordPieceTokenizer::Load(input_.base);
  if (!tokenizer.ok()) return tokenizer.status();
  const BertConfig& config = model_->config();
  if ((*tokenizer)->vocabulary_size() > config.vocabulary_size) {
    return absl::InvalidArgumentError(absl::StrCat("the tokenizer has ", (*tokenizer)->vocabulary_size(),
                                                   " tokens, config.json's vocab_size is ", config.vocabulary_size));
  }
  return data_->Encode(**tokenizer, config.max_positions, std::filesystem::absolute(input_.checkpoint).parent_path());
}

void TrainingRun::DescribeStart() {
  TrainingStart& start = record_.start;
  start.train_sentences = data_->train().size();
  start.train_tokens = data_->train().totals().tokens;
  start.validation_sentences = data_->validation().size();
  start.tags = data_->model_tags();
  start.word_lookup = data_->word_lookup();
  for (int32_t epoch = 1; epoch <= options_.epochs; ++epoch) {
    // Batches by sentences are as many in every epoch; by tokens the order decides.
    if (epoch == 1 || (options_.batch_tokens > 0 && options_.shuffle)) {
      start.total_steps += StepsOf(PlanEpoch(data_->train(), options_, epoch).size(), options_);
    } else {
      start.total_steps += start.total_steps / (epoch - 1);
    }
  }
  for (std::string& note : data_->Notes(model_->config().max_positions)) start.notes.push_back(std::move(note));
}

absl::StatusOr<bool> TrainingRun::RunEpoch(int32_t epoch) {
  const EpochPlan plan = PlanEpoch(data_->train(), options_, epoch);
  const int64_t tokens = data_->train().totals().tokens;
  double loss_sum = 0;
  int64_t words = 0;
  meter_->StartTraining();
  for (int64_t begin = 0; begin < plan.size(); begin += options_.gradient_accumulation) {
    std::vector<SentenceBatch> batches;
    for (int64_t i = begin; i < std::min(plan.size(), begin + options_.gradient_accumulation); ++i) {
      batches.push_back(plan[i]);
    }
    const double learning_rate = LearningRate(options_, step_, record_.start.total_steps);
    const auto loss = RunStep(batches, learning_rate);
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
    progress.epoch_fraction = static_cast<double>(progress.tokens - (epoch - 1) * tokens) / static_cast<double>(tokens);
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
  result.tokens_per_second = static_cast<double>(tokens) / std::max(result.train_seconds, 1e-9);
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
  for (const SentenceBatch batch : batches) {
    packed.push_back(PackBatch(data_->train(), batch));
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
  const absl::StatusOr<Evaluation> evaluation = Evaluate(*model_, data_->validation(), stop_);
  if (!evaluation.ok()) return evaluation.status();
  // What the epoch's last step did shows here first; such weights tag every word alike and must not be kept.
  if (!std::isfinite(evaluation->loss)) return Diverged(step_);
  result.validation_loss = evaluation->loss;
  result.scores = data_->Score(evaluation->predicted);
  result.unseen = data_->ScoreUnseen(evaluation->predicted);
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
    const absl::StatusOr<Evaluation> evaluation = Evaluate(**model, data_->validation(), stop_);
    if (!evaluation.ok()) return evaluation.status();
    f1 = data_->Score(evaluation->predicted).micro.f1;
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
