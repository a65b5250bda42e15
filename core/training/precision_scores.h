// What the weights that a run kept score in each precision that its device computes fast: by this, precision auto is
// chosen when the model tags (core/tagging/precision_choice.h).
#pragma once

#include <ATen/ATen.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "core/training/trainer.h"
#include "core/training/training_data.h"

namespace fintag {

// Micro F1 on the validation part by the precision's name; empty where only float32 is fast. Reads the checkpoint of
// `result.kept_epoch`; the score of its float32 is that epoch's. CANCELLED once `stop` is true; other errors are those
// of the checkpoint and the model.
absl::StatusOr<std::map<std::string, double>> ScorePrecisions(const std::filesystem::path& checkpoint,
                                                              at::Device device, const TrainingData& data,
                                                              const TrainingResult& result,
                                                              const std::atomic<bool>& stop);

}  // namespace fintag
