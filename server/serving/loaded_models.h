// Model versions in memory: loaded on first use, kept, each with its scheduler. A handle keeps a version alive while a
// request uses it.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/models/model_registry.h"
#include "server/serving/checked_load.h"
#include "server/serving/tag_scheduler.h"
#include "server/serving/version_statistics.h"

namespace fintag::server {

struct LoadedModel {
  ModelVersion version;
  std::shared_ptr<VersionStatistics> statistics;  // shared with the scheduler's thread
  std::unique_ptr<TagScheduler> scheduler;
};

struct LoadedModelsOptions {
  TagSchedulerOptions scheduler;
  TaggerOptions tagger;
  int64_t max_memory_bytes = int64_t{4} << 30;  // of weights; beyond that the version unused for longest is dropped
};

// A load's end, told by its thread.
struct LoadReport {
  absl::Status status = {};
  std::string precision = {};  // that it tags in; empty where it failed, like bytes
  int64_t bytes = 0;           // of weights
  double seconds = 0;          // from its beginning, the check of its files included
};

// As TagObservers, of every version.
struct ModelObservers {
  std::function<void(const ModelVersion&, const BatchReport&)> on_batch;
  std::function<void(const ModelVersion&, const DroppedRequest&)> on_drop;
  std::function<void(const ModelVersion&, const LoadReport&)> on_load;
  std::function<void(const ModelVersion&)> on_make_room;  // the version was dropped for another
};
// CheckedLoad, or what stands in for it.
using TaggerLoader = std::function<absl::StatusOr<std::unique_ptr<Tagger>>(
    const ModelVersion&, const std::filesystem::path& folder, const TaggerOptions&)>;

class LoadedModels {
 public:
  // `registry` outlives it.
  static std::unique_ptr<LoadedModels> Create(ModelRegistry& registry, const LoadedModelsOptions& options,
                                              ModelObservers observers, TaggerLoader load = CheckedLoad);
  // Waits for the loads that it began.
  virtual ~LoadedModels() = default;

  // Resolves `name` to a tagger version and loads it if need be, in a thread of its own; callers of one version wait
  // for one load, others are not held up. Errors of ModelRegistry::Resolve and CheckedLoad; a load that failed is
  // tried again by the next call. DEADLINE_EXCEEDED or CANCELLED if that came first (`cancelled` is asked several times
  // a second while it waits): the load goes on and serves the next call, but for nobody is one begun.
  virtual absl::StatusOr<std::shared_ptr<const LoadedModel>> Get(const std::string& name,
                                                                 std::chrono::system_clock::time_point deadline,
                                                                 const std::function<bool()>& cancelled) = 0;
  virtual bool IsLoaded(const std::string& version_name) const = 0;
  // Forgets a model ("models/{id}") or version after it was deleted; running requests keep it until they end.
  virtual void Forget(const std::string& name) = 0;
  // Drops a version that stays in the registry; running requests keep it until they end, the next Get loads it again.
  virtual void Unload(const std::string& version_name) = 0;
  // OK unless Unload or a load that failed was the last that happened to the version: then UNAVAILABLE, or the load's
  // error. A version that no one asked for yet is OK.
  virtual absl::Status Readiness(const std::string& version_name) const = 0;
  virtual std::vector<std::shared_ptr<const LoadedModel>> Snapshot() const = 0;
  // What precision auto chose for `version` on this machine; nothing before its first load, or without auto.
  virtual std::optional<PrecisionChoice> ChosenPrecision(const ModelVersion& version) const = 0;
};

}  // namespace fintag::server
