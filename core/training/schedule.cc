#include "core/training/schedule.h"

#include <algorithm>
#include <cmath>

namespace fintag {

double LearningRate(const TrainingOptions& options, int64_t step, int64_t total_steps) {
  const auto total = static_cast<double>(total_steps);
  const double warmup = std::ceil(options.warmup_ratio * total);
  const auto now = static_cast<double>(step);
  if (now < warmup) return options.learning_rate * now / warmup;
  if (options.schedule == Schedule::kConstant) return options.learning_rate;
  return options.learning_rate * std::max(0.0, (total - now) / std::max(1.0, total - warmup));
}

}  // namespace fintag
