// Jobs, their options and events as messages.
#include "server/api/messages.h"

namespace fintag::server {

fintag::v1::JobState ToMessage(JobState state) {
  switch (state) {
    case JobState::kQueued:
      return fintag::v1::JOB_STATE_QUEUED;
    case JobState::kValidating:
      return fintag::v1::JOB_STATE_VALIDATING;
    case JobState::kRunning:
      return fintag::v1::JOB_STATE_RUNNING;
    case JobState::kPausing:
      return fintag::v1::JOB_STATE_PAUSING;
    case JobState::kPaused:
      return fintag::v1::JOB_STATE_PAUSED;
    case JobState::kCancelling:
      return fintag::v1::JOB_STATE_CANCELLING;
    case JobState::kCancelled:
      return fintag::v1::JOB_STATE_CANCELLED;
    case JobState::kSucceeded:
      return fintag::v1::JOB_STATE_SUCCEEDED;
    case JobState::kFailed:
      return fintag::v1::JOB_STATE_FAILED;
  }
  return fintag::v1::JOB_STATE_UNSPECIFIED;
}

fintag::v1::TrainingOptions ToMessage(const TrainingOptions& options) {
  fintag::v1::TrainingOptions message;
  message.set_epochs(options.epochs);
  message.set_learning_rate(options.learning_rate);
  message.set_batch_sentences(options.batch_sentences);
  message.set_batch_tokens(options.batch_tokens);
  message.set_gradient_accumulation(options.gradient_accumulation);
  message.set_weight_decay(options.weight_decay);
  message.set_adam_beta1(options.adam_beta1);
  message.set_adam_beta2(options.adam_beta2);
  message.set_adam_epsilon(options.adam_epsilon);
  message.set_schedule(options.schedule == Schedule::kConstant ? fintag::v1::SCHEDULE_CONSTANT
                                                               : fintag::v1::SCHEDULE_LINEAR);
  message.set_warmup_ratio(options.warmup_ratio);
  message.set_max_gradient_norm(options.max_gradient_norm);
  if (options.dropout.has_value()) message.set_dropout(*options.dropout);
  message.set_seed(options.seed);
  message.set_keep(options.keep == KeepCheckpoint::kLast ? fintag::v1::KEEP_CHECKPOINT_LAST
                                                         : fintag::v1::KEEP_CHECKPOINT_BEST);
  message.set_validation_fraction(options.validation_fraction);
  message.set_shuffle(options.shuffle);
  message.set_device(options.device);
  message.set_threads(options.threads);
  message.set_precision(options.precision);
  message.set_processes(options.processes);
  return message;
}

TrainingOptions FromMessage(const fintag::v1::TrainingOptions& message) {
  TrainingOptions options;
  if (message.has_epochs()) options.epochs = message.epochs();
  if (message.has_learning_rate()) options.learning_rate = message.learning_rate();
  if (message.has_batch_sentences()) options.batch_sentences = message.batch_sentences();
  if (message.has_batch_tokens()) options.batch_tokens = message.batch_tokens();
  if (message.has_gradient_accumulation()) options.gradient_accumulation = message.gradient_accumulation();
  if (message.has_weight_decay()) options.weight_decay = message.weight_decay();
  if (message.has_adam_beta1()) options.adam_beta1 = message.adam_beta1();
  if (message.has_adam_beta2()) options.adam_beta2 = message.adam_beta2();
  if (message.has_adam_epsilon()) options.adam_epsilon = message.adam_epsilon();
  if (message.schedule() == fintag::v1::SCHEDULE_CONSTANT) options.schedule = Schedule::kConstant;
  if (message.has_warmup_ratio()) options.warmup_ratio = message.warmup_ratio();
  if (message.has_max_gradient_norm()) options.max_gradient_norm = message.max_gradient_norm();
  if (message.has_dropout()) options.dropout = message.dropout();
  if (message.has_seed()) options.seed = message.seed();
  if (message.keep() == fintag::v1::KEEP_CHECKPOINT_LAST) options.keep = KeepCheckpoint::kLast;
  if (message.has_validation_fraction()) options.validation_fraction = message.validation_fraction();
  if (message.has_shuffle()) options.shuffle = message.shuffle();
  if (message.has_device()) options.device = message.device();
  if (message.has_threads()) options.threads = message.threads();
  if (message.has_precision()) options.precision = message.precision();
  if (message.has_processes()) options.processes = message.processes();
  return options;
}

fintag::v1::Job ToMessage(const Job& job) {
  fintag::v1::Job message;
  message.set_name("jobs/" + job.id);
  message.set_state(ToMessage(job.state));
  message.mutable_spec()->set_dataset(job.dataset);
  message.mutable_spec()->set_base(job.base);
  message.mutable_spec()->set_model(job.model);
  *message.mutable_spec()->mutable_options() = ToMessage(job.options);
  *message.mutable_create_time() = ToMessage(job.create_time_ms);
  if (job.start_time_ms != 0) *message.mutable_start_time() = ToMessage(job.start_time_ms);
  if (job.end_time_ms != 0) *message.mutable_end_time() = ToMessage(job.end_time_ms);
  message.set_failure_reason(job.failure_reason);
  message.set_model_version(job.model_version);
  message.set_trace_id(job.trace_id);
  message.set_owner(job.owner);
  return message;
}

fintag::v1::Progress ToMessage(const TrainingProgress& progress) {
  fintag::v1::Progress message;
  message.set_epoch(progress.epoch);
  message.set_step(progress.step);
  message.set_total_steps(progress.total_steps);
  message.set_epoch_fraction(progress.epoch_fraction);
  message.set_loss(progress.loss);
  message.set_learning_rate(progress.learning_rate);
  message.set_tokens(progress.tokens);
  message.set_tokens_per_second(progress.tokens_per_second);
  message.set_seconds_left(progress.seconds_left);
  return message;
}

fintag::v1::EpochFinished ToMessage(const EpochResult& epoch) {
  fintag::v1::EpochFinished message;
  message.set_epoch(epoch.epoch);
  message.set_train_loss(epoch.train_loss);
  message.set_validation_loss(epoch.validation_loss);
  *message.mutable_scores() = ToMessage(epoch.scores);
  *message.mutable_unseen() = ToMessage(epoch.unseen);
  message.set_train_seconds(epoch.train_seconds);
  message.set_validation_seconds(epoch.validation_seconds);
  message.set_tokens_per_second(epoch.tokens_per_second);
  message.set_best(epoch.best);
  return message;
}

namespace {

// One overload per kind of event.
struct EventContent {
  fintag::v1::JobEvent& message;

  void operator()(const StateChanged& change) const {
    message.mutable_state_changed()->set_state(ToMessage(JobStateFromName(change.state)));
    message.mutable_state_changed()->set_reason(change.reason);
    message.mutable_state_changed()->set_model_version(change.model_version);
  }

  void operator()(const TrainingStart& start) const {
    fintag::v1::TrainingStarted& started = *message.mutable_training_started();
    started.set_device(start.device);
    started.set_threads(start.threads);
    started.set_parameters(start.parameters);
    started.set_train_sentences(start.train_sentences);
    started.set_train_tokens(start.train_tokens);
    started.set_validation_sentences(start.validation_sentences);
    started.set_total_steps(start.total_steps);
    *started.mutable_word_lookup() = ToMessage(start.word_lookup);
    for (const std::string& tag : start.tags) started.add_tags(tag);
    for (const std::string& note : start.notes) started.add_notes(note);
  }

  void operator()(const TrainingProgress& progress) const { *message.mutable_progress() = ToMessage(progress); }
  void operator()(const EpochResult& epoch) const { *message.mutable_epoch_finished() = ToMessage(epoch); }

  void operator()(const TrainingFinished& finished) const {
    message.mutable_training_finished()->set_best_epoch(finished.best_epoch);
    message.mutable_training_finished()->set_kept_epoch(finished.kept_epoch);
    message.mutable_training_finished()->set_cancelled(finished.cancelled);
  }

  void operator()(const TrainingFailed& failed) const {
    message.mutable_training_failed()->set_code(failed.code);
    message.mutable_training_failed()->set_reason(failed.reason);
  }
};

}  // namespace

fintag::v1::JobEvent ToMessage(const Event& event) {
  fintag::v1::JobEvent message;
  message.set_sequence(event.sequence);
  *message.mutable_time() = ToMessage(event.unix_milliseconds);
  message.set_trace_id(event.trace_id);
  std::visit(EventContent{message}, event.what);
  return message;
}

}  // namespace fintag::server
