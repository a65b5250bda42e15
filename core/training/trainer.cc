#include "core/training/trainer.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/model/atomic_folder.h"
#include "core/model/checkpoint_folder.h"
#include "core/model/token_classifier.h"
#include "core/model/torch_status.h"
#include "core/ranks/rank_agreement.h"
#include "core/ranks/rank_group.h"
#include "core/training/batches.h"
#include "core/training/epoch_list.h"
#include "core/training/evaluation.h"
#include "core/training/file_io.h"
#include "core/training/precision_scores.h"
#include "core/training/progress_meter.h"
#include "core/training/run_model.h"
#include "core/training/schedule.h"
#include "core/training/training_data.h"
#include "core/training/training_record.h"
#include "core/training/training_state.h"
#include "core/training/training_step.h"

namespace fintag {
namespace {

constexpr char kRecordFile[] = "fintag.json";

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
              const std::atomic<bool>& stop, RankGroup* ranks)
      : input_(input),
        options_(options),
        observer_(observer),
        stop_(stop),
        ranks_(ranks),
        writes_(ranks == nullptr || ranks->place().rank == 0) {}

  absl::StatusOr<TrainingResult> Run() {
    if (absl::Status ready = Prepare(); !ready.ok()) return ready;
    for (int32_t epoch = epochs_done() + 1; epoch <= options_.epochs; ++epoch) {
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
  int32_t epochs_done() const { return static_cast<int32_t>(record_.result.epochs.size()); }
  absl::Status EncodeData();
  void DescribeStart();

  // False where `stop` ended it.
  absl::StatusOr<bool> RunEpoch(int32_t epoch);
  // This process' own, or that of any rank.
  const std::atomic<bool>& stop() const { return ranks_ == nullptr ? stop_ : ranks_->stop(); }
  // What all ranks must begin with alike.
  absl::Status AgreeOnRun();
  absl::Status Diverged(int64_t step) const;
  absl::Status EvaluateEpoch(EpochResult& result);
  absl::Status WriteKept();  // the weights as they are become the checkpoint
  absl::Status GoOnFromState();
  absl::Status WriteState();
  absl::StatusOr<TrainingResult> Finish();

  const TrainingInput& input_;
  const TrainingOptions& options_;
  TrainingObserver& observer_;
  const std::atomic<bool>& stop_;
  RankGroup* const ranks_;
  const bool writes_;  // checkpoint and record

  std::optional<TrainingData> data_;
  std::unique_ptr<TokenClassifier> model_;
  std::unique_ptr<TrainingStep> step_;
  std::unique_ptr<ProgressMeter> meter_;
  TrainingRecord record_;
  std::string identity_;    // of the run: RunIdentity
  int64_t steps_done_ = 0;  // of the optimiser
};

absl::Status TrainingRun::Prepare() {
  record_.base_sha256 = input_.base_sha256;
  record_.train_sha256 = input_.train_sha256;
  record_.validation_sha256 = input_.validation_sha256;
  record_.options = options_;
  if (absl::Status valid = CheckOptions(options_); !valid.ok()) return valid;
  if (writes_) {
    // Said now, not after an epoch.
    if (absl::Status free = CheckReplaceable(input_.checkpoint, {kRecordFile}); !free.ok()) return free;
  }
  absl::StatusOr<TrainingData> data = TrainingData::Plan(input_.train, input_.validation, options_);
  if (!data.ok()) return data.status();
  data_.emplace(*std::move(data));
  record_.start.notes = data_->SplitNotes();
  absl::StatusOr<std::unique_ptr<TokenClassifier>> model =
      LoadRunModel(input_, options_, data_->model_tags(), ranks_, record_.start);
  if (!model.ok()) return model.status();
  model_ = *std::move(model);
  if (absl::Status encoded = EncodeData(); !encoded.ok()) return encoded;
  identity_ = RunIdentity(record_, data_->train().totals().tokens);
  if (ranks_ != nullptr) {
    if (absl::Status agreed = AgreeOnRun(); !agreed.ok()) return agreed;
  }
  step_ = std::make_unique<TrainingStep>(*model_, data_->train(), options_, ranks_);
  meter_ = std::make_unique<ProgressMeter>(data_->train().totals().tokens, options_.epochs,
                                           data_->validation().totals().tokens);
  if (!input_.state.empty()) {
    if (absl::Status restored = GoOnFromState(); !restored.ok()) return restored;
  }
  DescribeStart();
  if (epochs_done() > 0 && record_.result.kept_epoch == epochs_done()) {
    // It may have been killed between the state and this.
    if (absl::Status written = WriteKept(); !written.ok()) return written;
  }
  observer_.OnStart(record_.start);
  for (const EpochResult& epoch : record_.result.epochs) observer_.OnEpoch(epoch);
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

absl::Status TrainingRun::AgreeOnRun() {
  return Agree(*ranks_, "base, corpus or options", identity_, absl::StatusCode::kFailedPrecondition);
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
    const double learning_rate = LearningRate(options_, steps_done_, record_.start.total_steps);
    const absl::StatusOr<std::optional<StepResult>> step = step_->Run(batches, learning_rate, stop());
    if (!step.ok()) return step.status();
    if (!step->has_value()) return false;
    const StepResult& done = **step;
    if (!std::isfinite(done.loss)) return Diverged(steps_done_ + 1);
    meter_->Trained(done.tokens);
    ++steps_done_;
    loss_sum += done.loss * static_cast<double>(done.words);
    words += done.words;
    TrainingProgress progress;
    progress.epoch = epoch;
    progress.step = steps_done_;
    progress.total_steps = record_.start.total_steps;
    progress.tokens = meter_->tokens();
    progress.epoch_fraction = static_cast<double>(progress.tokens - (epoch - 1) * tokens) / static_cast<double>(tokens);
    progress.loss = done.loss;
    progress.learning_rate = learning_rate;
    progress.tokens_per_second = meter_->tokens_per_second();
    progress.seconds_left = meter_->seconds_left();
    observer_.OnStep(progress);
  }
  EpochResult result;
  if (ranks_ != nullptr) {
    const absl::Status equal =
        Agree(*ranks_, "set of weights", WeightsChecksum(model_->parameters()), absl::StatusCode::kInternal);
    if (!equal.ok()) return equal;
  }
  result.epoch = epoch;
  result.train_loss = words > 0 ? loss_sum / static_cast<double>(words) : 0;
  result.train_seconds = meter_->training_seconds();
  result.tokens_per_second = static_cast<double>(tokens) / std::max(result.train_seconds, 1e-9);
  if (absl::Status evaluated = EvaluateEpoch(result); absl::IsCancelled(evaluated)) {
    return false;
  } else if (!evaluated.ok()) {
    return evaluated;
  }
  AddEpoch(result, record_.result.epochs);
  if (result.best) record_.result.best_epoch = result.epoch;
  const bool kept = result.best || options_.keep == KeepCheckpoint::kLast;
  if (kept) record_.result.kept_epoch = result.epoch;
  // The state first: a checkpoint is then never of an epoch that the run does not know of.
  if (absl::Status written = WriteState(); !written.ok()) return written;
  if (absl::Status written = kept ? WriteKept() : absl::OkStatus(); !written.ok()) return written;
  observer_.OnEpoch(result);
  return true;
}

absl::Status TrainingRun::Diverged(int64_t step) const {
  return absl::InvalidArgumentError(absl::StrCat("the loss is no longer finite at step ", step,
                                                 ": try a learning_rate below ", options_.learning_rate,
                                                 " or some warmup_ratio"));
}

absl::Status TrainingRun::EvaluateEpoch(EpochResult& result) {
  meter_->StartEvaluation();
  const absl::StatusOr<std::unique_ptr<TokenClassifier>> tagger = model_->ForTagging();
  if (!tagger.ok()) return tagger.status();
  const absl::StatusOr<Evaluation> evaluation = Evaluate(**tagger, data_->validation(), stop(), ranks_);
  if (!evaluation.ok()) return evaluation.status();
  // What the epoch's last step did shows here first; such weights tag every word alike and must not be kept.
  if (!std::isfinite(evaluation->loss)) return Diverged(steps_done_);
  result.validation_loss = evaluation->loss;
  result.scores = data_->Score(evaluation->predicted);
  result.unseen = data_->ScoreUnseen(evaluation->predicted);
  meter_->EndEvaluation();
  result.validation_seconds = meter_->evaluation_seconds();
  const std::vector<EpochResult>& before = record_.result.epochs;
  result.best = std::all_of(before.begin(), before.end(), [&](const EpochResult& earlier) {
    const double difference = result.scores.micro.f1 - earlier.scores.micro.f1;
    return difference > 0 || (difference == 0 && result.validation_loss < earlier.validation_loss);
  });
  return absl::OkStatus();
}

absl::Status TrainingRun::WriteKept() {
  if (!writes_) return absl::OkStatus();
  return WriteCheckpoint(input_.checkpoint, model_->ToCheckpoint(), input_.base,
                         {{kRecordFile, TrainingRecordJson(record_)}});
}

absl::Status TrainingRun::WriteState() {
  if (input_.state.empty() || !writes_) return absl::OkStatus();
  const TrainingResult& result = record_.result;
  TrainingState state{identity_,         steps_done_, step_->batches_done(),     result.epochs, result.best_epoch,
                      result.kept_epoch, {},          step_->optimizer().State()};
  for (const auto& [name, parameter] : model_->parameters()) state.weights[name] = parameter.detach().to(at::kCPU);
  return WriteTrainingState(input_.state, state);
}

absl::Status TrainingRun::GoOnFromState() {
  absl::StatusOr<std::optional<TrainingState>> found = FindTrainingState(input_.state, ranks_);
  if (!found.ok()) return found.status();
  if (!found->has_value()) return absl::OkStatus();
  TrainingState& state = **found;
  if (state.run != identity_) {
    return absl::FailedPreconditionError(
        absl::StrCat("the training state in ", input_.state.string(),
                     " is of a run with another base, corpus or options: remove it, or keep this one's elsewhere"));
  }
  CopyWeights(state, model_->parameters());
  step_->optimizer().Restore(state.optimizer);
  step_->set_batches_done(state.batches);
  steps_done_ = state.steps;
  record_.result.best_epoch = state.best_epoch;
  record_.result.kept_epoch = state.kept_epoch;
  record_.result.epochs = std::move(state.epochs);
  meter_->SkipEpochs(epochs_done());
  return absl::OkStatus();
}

absl::StatusOr<TrainingResult> TrainingRun::Finish() {
  if (record_.result.kept_epoch == 0 || !writes_) return record_.result;
  if (!record_.result.cancelled) {
    const at::Device device = model_->device();
    step_.reset();
    model_.reset();  // its weights may be of another epoch
    absl::StatusOr<std::map<std::string, double>> scores =
        ScorePrecisions(input_.checkpoint, device, *data_, record_.result, stop());
    if (scores.ok()) {
      record_.result.precision_f1 = *std::move(scores);
    } else {
      // What goes wrong there takes nothing from the training.
      record_.start.notes.push_back(absl::StrCat("not scored in other precisions: ", scores.status().message()));
    }
  }
  // The checkpoint was written with the epochs until then; the record names them all.
  const absl::Status replaced = ReplaceFile(input_.checkpoint / kRecordFile, TrainingRecordJson(record_));
  if (!replaced.ok()) return replaced;
  return record_.result;
}

}  // namespace

absl::StatusOr<TrainingResult> Train(const TrainingInput& input, const TrainingOptions& options,
                                     TrainingObserver& observer, const std::atomic<bool>& stop, RankGroup* ranks) {
  return CatchTorch([&]() -> absl::StatusOr<TrainingResult> {
    TrainingRun run(input, options, observer, stop, ranks);
    return run.Run();
  });
}

void RemoveTrainingState(const std::filesystem::path& folder) {
  // Into a folder that is never committed: what a kill leaves of it there is no state.
  const absl::StatusOr<AtomicFolder> doomed = AtomicFolder::Create(folder);
  if (!doomed.ok()) return;
  std::error_code error;
  std::filesystem::rename(std::filesystem::canonical(folder, error), doomed->path() / "state", error);
}

}  // namespace fintag
