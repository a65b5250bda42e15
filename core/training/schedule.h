// The learning rate over a run, as transformers' get_linear_schedule_with_warmup and
// get_constant_schedule_with_warmup have it.
#pragma once

#include <cstdint>

#include "core/training/training_options.h"

namespace fintag {

// The rate of optimiser step `step` (from 0) of `total_steps`. Warm-up takes the first ceil(warmup_ratio *
// total_steps) steps and starts at 0.
double LearningRate(const TrainingOptions& options, int64_t step, int64_t total_steps);

}  // namespace fintag
