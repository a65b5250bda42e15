// How fast a run goes and how long it will take.
#pragma once

#include <chrono>
#include <cstdint>

namespace fintag {

class ProgressMeter {
 public:
  using Clock = std::chrono::steady_clock;

  // `epoch_tokens` are trained in each of `epochs` epochs; an evaluation over `validation_tokens` follows each.
  ProgressMeter(int64_t epoch_tokens, int32_t epochs, int64_t validation_tokens);

  // Epochs that an earlier process has trained count as done, without a time. Before all that follows.
  void SkipEpochs(int32_t epochs);
  void StartTraining();          // of an epoch
  void Trained(int64_t tokens);  // after a step
  void StartEvaluation();
  void EndEvaluation();

  double tokens_per_second() const { return rate_; }  // over the last half second or so of training
  double seconds_left() const;
  int64_t tokens() const { return tokens_; }
  double training_seconds() const { return training_seconds_; }      // of this epoch
  double evaluation_seconds() const { return evaluation_seconds_; }  // of the latest evaluation

 private:
  // An evaluation has no backward pass and no update: about this share of the time a token.
  static constexpr double kEvaluationShare = 0.3;
  static constexpr double kRateInterval = 0.5;  // seconds

  const int64_t epoch_tokens_;
  const int64_t total_tokens_;
  const int64_t validation_tokens_;
  int32_t evaluations_left_;
  int64_t tokens_ = 0;
  int64_t skipped_tokens_ = 0;
  double all_training_seconds_ = 0;
  double training_seconds_ = 0;
  double evaluation_seconds_ = -1;
  double rate_ = 0;
  int64_t mark_tokens_ = 0;
  Clock::time_point mark_, last_;
};

// Between two events of a run's progress: short at first, where somebody looks on, and a sixtieth of what has passed,
// so that the log of a run of days stays short and its watchers cost little.
ProgressMeter::Clock::duration ProgressInterval(ProgressMeter::Clock::duration since_start);

}  // namespace fintag
