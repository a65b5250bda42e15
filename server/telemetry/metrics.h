// Everything that Prometheus can scrape, by the names of the product's metric list (METRICS.md).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/training/event_log.h"
#include "server/telemetry/process_usage.h"

namespace fintag::server {

// A model version as the labels `model` and `version` name it.
struct VersionLabels {
  std::string model;
  std::string version;
};

// What tagging some sentences gave.
struct TaggedCounts {
  int64_t sentences = 0;
  int64_t tokens = 0;
  int64_t unknown_tokens = 0;
  std::vector<std::pair<std::string, double>> entities;  // label, score
};

// Safe to use from many threads.
class Metrics {
 public:
  static std::unique_ptr<Metrics> Create();
  virtual ~Metrics() = default;

  virtual void OnRequest(const std::string& method, const std::string& code, double seconds) = 0;
  virtual void OnBatch(const VersionLabels& version, int64_t tokens, double seconds,
                       const std::vector<double>& queue_seconds) = 0;
  virtual void OnTagged(const VersionLabels& version, const TaggedCounts& counts) = 0;
  virtual void OnJobEvent(const std::string& job, const Event& event) = 0;
  virtual void ForgetJob(const std::string& job) = 0;  // takes all its series away

  // Files of `what` ("certificates", "tokens") have changed, and are taken or not.
  virtual void OnReload(const std::string& what, bool taken) = 0;
  // An entry of the audit log is on disk, or could not be brought there.
  virtual void OnAuditEntry(bool written) = 0;
  virtual void SetCertificateExpiry(double unix_seconds) = 0;

  virtual void SetLimits(int64_t queue_tokens, int64_t batch_tokens) = 0;

  virtual void SetQueueTokens(const VersionLabels& version, int64_t tokens) = 0;
  virtual void SetJobs(const std::string& state, int64_t count) = 0;
  virtual void SetModelVersion(const VersionLabels& version, double f1, double create_unix_seconds) = 0;
  virtual void SetTrainer(const std::string& job, const ProcessUsage& usage) = 0;
  virtual void SetProcess(const ProcessUsage& usage) = 0;  // of the server itself
  virtual void SetDataFilesystem(int64_t size_bytes, int64_t available_bytes) = 0;
  // Takes all series of a version away; of every version where `version` is empty.
  virtual void ForgetModel(const VersionLabels& version) = 0;

  // The text exposition format, version 0.0.4. `before_scrape`, where there is one, is called first and sets anew what
  // the functions from SetQueueTokens on set: a queue, a version or a trainer that it leaves out is gone, a job state
  // 0. It must not call Text.
  virtual std::string Text() = 0;
  virtual void set_before_scrape(std::function<void(Metrics&)> before_scrape) = 0;
};

}  // namespace fintag::server
