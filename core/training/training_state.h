// Where a run stands after an epoch, in a folder of its own, so that a run that was ended from outside goes on from
// there (TRAINING_STATE.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/model/checkpoint_folder.h"
#include "core/ranks/rank_group.h"
#include "core/training/optimizer.h"
#include "core/training/trainer.h"

namespace fintag {

struct TrainingState {
  std::string run;  // RunIdentity: of what these are the weights
  int64_t steps = 0;
  uint64_t batches = 0;  // the dropout stream's index
  std::vector<EpochResult> epochs;
  int32_t best_epoch = 0;
  int32_t kept_epoch = 0;
  TensorMap weights;  // by the names of TokenClassifier::parameters()
  OptimizerState optimizer;
};

// Puts the state in the place of the one in `folder`: after a kill the old or the new one is there, whole. Needs room
// for both meanwhile. RESOURCE_EXHAUSTED where the disk is full.
absl::Status WriteTrainingState(const std::filesystem::path& folder, const TrainingState& state);

// The state in `folder`, or nothing where there is none. DATA_LOSS where it is not what WriteTrainingState writes. With
// `ranks` all have that of rank 0's folder; others need none.
absl::StatusOr<std::optional<TrainingState>> FindTrainingState(const std::filesystem::path& folder, RankGroup* ranks);

// Fills the parameters with the state's weights. Throws c10::Error where one is missing or has another shape.
void CopyWeights(const TrainingState& state, const std::vector<std::pair<std::string, at::Tensor>>& parameters);

}  // namespace fintag
