#include "server/gauges.h"

#include <unistd.h>

#include <string>
#include <system_error>

#include "server/jobs/worker_process.h"

namespace fintag::server {
namespace {

// Of one model: enough for a year of retraining every other week, and a bound on the series.
constexpr size_t kVersionsShown = 25;

void SetJobGauges(Metrics& metrics, const GaugeSources& sources) {
  if (auto counts = sources.store->CountByState(); counts.ok()) {
    for (const auto& [state, count] : *counts) metrics.SetJobs(std::string(JobStateName(state)), count);
  }
  auto jobs = sources.store->Running();
  if (!jobs.ok()) return;
  for (const Job& job : *jobs) {
    const auto trainer = WorkerProcess::Find(sources.jobs_folder / job.id);
    if (trainer == nullptr) continue;
    if (const auto usage = ReadGroupUsage(trainer->pid()); usage.ok()) metrics.SetTrainer(job.id, *usage);
  }
}

void SetModelGauges(Metrics& metrics, const GaugeSources& sources) {
  PageRequest page;
  do {
    std::string next;
    const auto models = sources.models.List(page, next);
    if (!models.ok()) break;
    for (const Model& model : *models) {
      size_t shown = 0;
      for (const ModelVersion& version : model.versions) {
        if (!version.scores.has_value() || ++shown > kVersionsShown) continue;
        metrics.SetModelVersion(LabelsOf(version), version.scores->micro.f1,
                                static_cast<double>(version.create_time_ms) / 1000);
      }
    }
    page.page_token = next;
  } while (!page.page_token.empty());
  for (const auto& model : sources.loaded.Snapshot()) {
    metrics.SetQueueTokens(LabelsOf(model->version), model->scheduler->queue_tokens());
  }
}

}  // namespace

VersionLabels LabelsOf(const ModelVersion& version) { return {version.model, std::to_string(version.version)}; }

void SetGauges(Metrics& metrics, const GaugeSources& sources) {
  if (sources.store != nullptr) SetJobGauges(metrics, sources);
  SetModelGauges(metrics, sources);
  if (const auto usage = ReadProcessUsage(getpid()); usage.ok()) metrics.SetProcess(*usage);
  std::error_code error;
  const std::filesystem::space_info space = std::filesystem::space(sources.data_dir, error);
  if (!error) {
    metrics.SetDataFilesystem(static_cast<int64_t>(space.capacity), static_cast<int64_t>(space.available));
  }
}

}  // namespace fintag::server
