// What is read at each scrape instead of being told when it changes.
#pragma once

#include <filesystem>

#include "server/jobs/job_store.h"
#include "server/models/model_registry.h"
#include "server/serving/loaded_models.h"
#include "server/telemetry/metrics.h"

namespace fintag::server {

struct GaugeSources {
  std::filesystem::path data_dir;
  std::filesystem::path jobs_folder;
  JobStore* store;  // null where there are no jobs
  ModelRegistry& models;
  const LoadedModels& loaded;
};

// The labels of a version's series.
VersionLabels LabelsOf(const ModelVersion& version);

// For Metrics::set_before_scrape. A source that cannot be read leaves its gauges out of this scrape.
void SetGauges(Metrics& metrics, const GaugeSources& sources);

}  // namespace fintag::server
