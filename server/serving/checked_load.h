// Loading a version as it was stored, or not at all.
#pragma once

#include <filesystem>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/tagging/tagger.h"
#include "server/models/model_registry.h"

namespace fintag::server {

// Whether the weights in `folder` have the SHA-256 that `version` was stored with: DATA_LOSS where not, with what to
// do; RESOURCE_EXHAUSTED and UNAVAILABLE where they cannot be read for now. It reads them whole, at some 2 GB/s.
absl::Status CheckWeights(const ModelVersion& version, const std::filesystem::path& folder);

// Tagger::Load of weights that CheckWeights found whole. They are read twice: small beside the load, and a model with
// one wrong bit would tag on, wrongly, without a word.
absl::StatusOr<std::unique_ptr<Tagger>> CheckedLoad(const ModelVersion& version, const std::filesystem::path& folder,
                                                    const TaggerOptions& options);

}  // namespace fintag::server
