// What the Open Inference Protocol tells of models, from what the registry and the statistics know.
#pragma once

#include <inference/model_config.pb.h>
#include <inference/repository.pb.h>
#include <inference/service.pb.h>
#include <inference/statistics.pb.h>

#include <vector>

#include "absl/status/status.h"
#include "server/api/tagging.h"
#include "server/models/model_registry.h"
#include "server/serving/version_statistics.h"

namespace fintag::server {

// `versions` are of one model; at least one.
inference::ModelMetadataResponse DescribeModel(const std::vector<ModelVersion>& versions);
inference::ModelConfig DescribeConfig(const ModelVersion& version, const TaggingLimits& limits);
// READY, or UNAVAILABLE for the reason in `readiness`.
inference::RepositoryIndexResponse::ModelIndex DescribeState(const ModelVersion& version,
                                                             const absl::Status& readiness);
inference::ModelStatistics DescribeStatistics(const ModelVersion& version, const VersionFigures& figures);

}  // namespace fintag::server
