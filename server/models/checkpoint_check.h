// What a checkpoint folder must pass before it becomes a model version.
#pragma once

#include <filesystem>

#include "absl/status/statusor.h"
#include "server/models/model_registry.h"

namespace fintag::server {

// Reads config, every tensor and the tokenizer in `folder` and describes them: architecture, tags, size, hash, notes.
// INVALID_ARGUMENT names the file, tensor or field that is wrong, without the folder's path.
absl::StatusOr<ModelVersion> CheckCheckpoint(const std::filesystem::path& folder);

}  // namespace fintag::server
