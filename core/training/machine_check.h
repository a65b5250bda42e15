// Whether this machine can do what a run asks of it, told before the run is started.
#pragma once

#include <vector>

#include "core/training/training_options.h"

namespace fintag {

// What it lacks, by field: `device`, `precision`. Other values than CheckTrainingOptions allows are passed over. A GPU
// is looked for only where the answer depends on one.
std::vector<FieldError> CheckMachine(const TrainingOptions& options);

}  // namespace fintag
