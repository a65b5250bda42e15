#include "core/training/training_options.h"

#include <cmath>

#include "absl/strings/str_cat.h"

namespace fintag {
namespace {

class Checker {
 public:
  // Not-a-number is never inside a range, so it fails each of these.
  template <typename T>
  void Require(bool holds, const char* field, const char* range, T value) {
    if (!holds) errors_.push_back({field, absl::StrCat("must be ", range, ", is ", value)});
  }
  std::vector<FieldError> Take() { return std::move(errors_); }

 private:
  std::vector<FieldError> errors_;
};

}  // namespace

std::vector<FieldError> CheckTrainingOptions(const TrainingOptions& options) {
  const TrainingOptions& o = options;
  Checker check;
  check.Require(o.epochs >= 1 && o.epochs <= 1000, "epochs", "1 to 1000", o.epochs);
  check.Require(o.learning_rate > 0 && o.learning_rate <= 1, "learning_rate", "over 0 and at most 1", o.learning_rate);
  check.Require(o.batch_sentences >= 1 && o.batch_sentences <= 4096, "batch_sentences", "1 to 4096", o.batch_sentences);
  check.Require(o.batch_tokens == 0 || (o.batch_tokens >= 16 && o.batch_tokens <= 1048576), "batch_tokens",
                "0 or 16 to 1048576", o.batch_tokens);
  check.Require(o.gradient_accumulation >= 1 && o.gradient_accumulation <= 1024, "gradient_accumulation", "1 to 1024",
                o.gradient_accumulation);
  check.Require(o.weight_decay >= 0 && o.weight_decay <= 1, "weight_decay", "0 to 1", o.weight_decay);
  check.Require(o.adam_beta1 >= 0 && o.adam_beta1 < 1, "adam_beta1", "at least 0 and under 1", o.adam_beta1);
  check.Require(o.adam_beta2 >= 0 && o.adam_beta2 < 1, "adam_beta2", "at least 0 and under 1", o.adam_beta2);
  check.Require(o.adam_epsilon > 0 && std::isfinite(o.adam_epsilon), "adam_epsilon", "over 0", o.adam_epsilon);
  check.Require(o.schedule == Schedule::kLinear || o.schedule == Schedule::kConstant, "schedule", "linear or constant",
                static_cast<int>(o.schedule));
  check.Require(o.warmup_ratio >= 0 && o.warmup_ratio < 1, "warmup_ratio", "at least 0 and under 1", o.warmup_ratio);
  check.Require(o.max_gradient_norm >= 0 && std::isfinite(o.max_gradient_norm), "max_gradient_norm", "at least 0",
                o.max_gradient_norm);
  if (o.dropout) check.Require(*o.dropout >= 0 && *o.dropout < 1, "dropout", "at least 0 and under 1", *o.dropout);
  check.Require(o.keep == KeepCheckpoint::kBest || o.keep == KeepCheckpoint::kLast, "keep", "best or last",
                static_cast<int>(o.keep));
  check.Require(o.validation_fraction > 0 && o.validation_fraction < 1, "validation_fraction", "over 0 and under 1",
                o.validation_fraction);
  check.Require(o.device == "auto" || o.device == "cpu" || o.device == "cuda", "device", "auto, cpu or cuda", o.device);
  check.Require(o.precision == "fp32" || o.precision == "bf16", "precision", "fp32 or bf16", o.precision);
  check.Require(o.threads >= 0 && o.threads <= 1024, "threads", "0 to 1024", o.threads);
  check.Require(o.processes >= 1 && o.processes <= 1024, "processes", "1 to 1024", o.processes);
  return check.Take();
}

}  // namespace fintag
