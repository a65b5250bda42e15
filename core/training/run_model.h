// The model that a run trains, and the machine set up for it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/model/token_classifier.h"
#include "core/ranks/rank_group.h"
#include "core/training/trainer.h"

namespace fintag {

// Reads the base of `input` and takes it to the device of `options`, with a classifier for `tags`; sets the number of
// threads (of all that the machine has, each of the ranks on it takes its part) and LibTorch's deterministic mode.
// Fills device, threads, parameters and notes of `start`. `ranks` may be null. Errors are those of Train.
absl::StatusOr<std::unique_ptr<TokenClassifier>> LoadRunModel(const TrainingInput& input,
                                                              const TrainingOptions& options,
                                                              const std::vector<std::string>& tags, RankGroup* ranks,
                                                              TrainingStart& start);

}  // namespace fintag
