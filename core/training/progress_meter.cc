#include "core/training/progress_meter.h"

#include <algorithm>

namespace fintag {
namespace {

double Seconds(ProgressMeter::Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

ProgressMeter::ProgressMeter(int64_t epoch_tokens, int32_t epochs, int64_t validation_tokens)
    : epoch_tokens_(epoch_tokens),
      total_tokens_(epoch_tokens * epochs),
      validation_tokens_(validation_tokens),
      evaluations_left_(epochs) {}

void ProgressMeter::SkipEpochs(int32_t epochs) {
  skipped_tokens_ = tokens_ = epochs * epoch_tokens_;
  evaluations_left_ -= epochs;
}

void ProgressMeter::StartTraining() {
  last_ = mark_ = Clock::now();
  mark_tokens_ = tokens_;
  training_seconds_ = 0;
}

void ProgressMeter::Trained(int64_t tokens) {
  const Clock::time_point now = Clock::now();
  tokens_ += tokens;
  training_seconds_ += Seconds(now - last_);
  all_training_seconds_ += Seconds(now - last_);
  last_ = now;
  const double interval = Seconds(now - mark_);
  if (rate_ > 0 && interval < kRateInterval) return;
  rate_ = static_cast<double>(tokens_ - mark_tokens_) / std::max(interval, 1e-9);
  mark_ = now;
  mark_tokens_ = tokens_;
}

void ProgressMeter::StartEvaluation() { mark_ = Clock::now(); }

void ProgressMeter::EndEvaluation() {
  evaluation_seconds_ = Seconds(Clock::now() - mark_);
  --evaluations_left_;
}

double ProgressMeter::seconds_left() const {
  if (tokens_ == skipped_tokens_) return 0;
  const double a_token = all_training_seconds_ / static_cast<double>(tokens_ - skipped_tokens_);
  const double an_evaluation = evaluation_seconds_ >= 0
                                   ? evaluation_seconds_
                                   : kEvaluationShare * a_token * static_cast<double>(validation_tokens_);
  return a_token * static_cast<double>(std::max<int64_t>(0, total_tokens_ - tokens_)) +
         an_evaluation * evaluations_left_;
}

ProgressMeter::Clock::duration ProgressInterval(ProgressMeter::Clock::duration since_start) {
  using std::chrono::milliseconds;
  return std::clamp<ProgressMeter::Clock::duration>(since_start / 60, milliseconds(500), milliseconds(5000));
}

}  // namespace fintag
