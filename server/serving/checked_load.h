// Loading a version as it was stored, or not at all.
#pragma once

#include <filesystem>
#include <memory>

#include "absl/status/statusor.h"
#include "core/tagging/tagger.h"
#include "server/models/model_registry.h"

namespace fintag::server {

// Tagger::Load once the weights in `folder` have the SHA-256 that `version` was stored with; DATA_LOSS otherwise, which
// says what to do. That reads the weights a second time, at some 2 GB/s: small beside the load, and a model with one
// wrong bit would tag on, wrongly, without a word.
absl::StatusOr<std::unique_ptr<Tagger>> CheckedLoad(const ModelVersion& version, const std::filesystem::path& folder,
                                                    const TaggerOptions& options);

}  // namespace fintag::server
