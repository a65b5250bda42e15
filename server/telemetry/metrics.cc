#include "server/telemetry/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>
#include <vector>

#include "core/version.h"
#include "server/telemetry/removable_series.h"

namespace fintag::server {
namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;
using Buckets = Histogram::BucketBoundaries;
using Labels = std::map<std::string, std::string>;

// An encoder answers in milliseconds, so the buckets start at half of one.
const Buckets kDurations = {0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30};
const Buckets kBatchTokens = {16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384};
// As JobStateName has them. Each has its series from the start, so that an alert never looks for one in vain.
constexpr const char* kJobStates[] = {"QUEUED",     "VALIDATING", "RUNNING",   "PAUSING", "PAUSED",
                                      "CANCELLING", "CANCELLED",  "SUCCEEDED", "FAILED"};
constexpr size_t kEndedJobs = 50;  // that keep their series: the store may hold thousands

const Buckets kConfidence = {0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 1};

class PrometheusMetrics final : public Metrics {
 public:
  PrometheusMetrics() {
    Add<Gauge>("fintag_build_info", "The program's version, in a label; always 1.").Add({{"version", kVersion}}).Set(1);
    for (const char* state : kJobStates) {
      jobs_.Add({{"state", state}}).Set(0);
      if (IsFinalState(state)) jobs_ended_.Add({{"state", state}});
    }
    for (const char* result : {"written", "failed"}) audit_entries_.Add({{"result", result}});
  }

  void OnRequest(const std::string& method, const std::string& code, double seconds) override {
    requests_.Add({{"method", method}, {"code", code}}).Increment();
    request_duration_.Add({{"method", method}}, kDurations).Observe(seconds);
  }

  void OnBatch(const VersionLabels& version, int64_t tokens, double seconds,
               const std::vector<double>& queue_seconds) override {
    const Labels labels = LabelsOf(version);
    const std::string owner = OwnerOf(version);
    std::lock_guard lock(mutex_);
    series_.Get(owner, batch_tokens_, labels, kBatchTokens).Observe(static_cast<double>(tokens));
    series_.Get(owner, inference_duration_, labels, kDurations).Observe(seconds);
    Histogram& queue_duration = series_.Get(owner, queue_duration_, labels, kDurations);
    for (const double waited : queue_seconds) queue_duration.Observe(waited);
  }

  void OnTagged(const VersionLabels& version, const TaggedCounts& counts) override {
    const Labels labels = LabelsOf(version);
    const std::string owner = OwnerOf(version);
    std::lock_guard lock(mutex_);
    series_.Get(owner, sentences_, labels).Increment(static_cast<double>(counts.sentences));
    series_.Get(owner, tokens_, labels).Increment(static_cast<double>(counts.tokens));
    series_.Get(owner, unknown_tokens_, labels).Increment(static_cast<double>(counts.unknown_tokens));
    Histogram& confidence = series_.Get(owner, confidence_, labels, kConfidence);
    for (const auto& [label, score] : counts.entities) {
      Labels with_label = labels;
      with_label["label"] = label;
      series_.Get(owner, entities_, with_label).Increment();
      confidence.Observe(score);
    }
  }

  void OnJobEvent(const std::string& job, const Event& event) override {
    std::lock_guard lock(mutex_);
    const Labels labels = {{"job", job}};
    if (const auto* change = std::get_if<StateChanged>(&event.what)) {
      if (IsFinalState(change->state)) return EndJob(job, change->state);
      // One that waits has nothing to say, so its silence is no sign.
      if (change->state == "QUEUED" || change->state == "PAUSED") return series_.Remove("running/" + job);
    }
    series_.Get("running/" + job, last_event_, labels).Set(static_cast<double>(event.unix_milliseconds) / 1000);
    const auto set = [&](Family<Gauge>& family, double value) {
      series_.Get("jobs/" + job, family, labels).Set(value);
    };
    if (const auto* progress = std::get_if<TrainingProgress>(&event.what)) {
      set(training_epoch_, progress->epoch);
      set(training_loss_, progress->loss);
      set(training_speed_, progress->tokens_per_second);
      // The trainer reports a running total; a counter wants the difference.
      Counter& tokens = series_.Get("jobs/" + job, training_tokens_, labels);
      const double more = static_cast<double>(progress->tokens) - tokens.Value();
      if (more > 0) tokens.Increment(more);
    } else if (const auto* epoch = std::get_if<EpochResult>(&event.what)) {
      set(training_epoch_, epoch->epoch);
      set(training_loss_, epoch->train_loss);
      set(training_speed_, epoch->tokens_per_second);
      SetScores(job, "micro", epoch->scores.micro);
      SetScores(job, "macro", epoch->scores.macro);
      for (const EntityScores& label : epoch->scores.labels) SetScores(job, label.label, label);
      series_.Get("jobs/" + job, training_accuracy_, {{"job", job}, {"type", "micro"}}).Set(epoch->scores.accuracy);
    }
  }

  void ForgetJob(const std::string& job) override {
    std::lock_guard lock(mutex_);
    ForgetJobLocked(job);
  }

  void SetQueueTokens(const VersionLabels& version, int64_t tokens) override {
    std::lock_guard lock(mutex_);
    series_.Get(GaugesOf(version), queue_tokens_, LabelsOf(version)).Set(static_cast<double>(tokens));
  }

  void SetJobs(const std::string& state, int64_t count) override {
    jobs_.Add({{"state", state}}).Set(static_cast<double>(count));
  }

  void SetModelVersion(const VersionLabels& version, double f1, double create_unix_seconds) override {
    std::lock_guard lock(mutex_);
    series_.Get(GaugesOf(version), model_f1_, LabelsOf(version)).Set(f1);
    series_.Get(GaugesOf(version), model_created_, LabelsOf(version)).Set(create_unix_seconds);
  }

  void SetTrainer(const std::string& job, const ProcessUsage& usage) override {
    std::lock_guard lock(mutex_);
    const std::string owner = "gauges/trainers/" + job;
    series_.Get(owner, trainer_resident_, {{"job", job}}).Set(static_cast<double>(usage.resident_bytes));
    series_.Get(owner, trainer_cpu_, {{"job", job}}).Increment(usage.cpu_seconds);
  }

  void SetProcess(const ProcessUsage& usage) override {
    std::lock_guard lock(mutex_);
    process_resident_.Set(static_cast<double>(usage.resident_bytes));
    process_virtual_.Set(static_cast<double>(usage.virtual_bytes));
    process_open_fds_.Set(static_cast<double>(usage.open_files));
    process_max_fds_.Set(static_cast<double>(usage.max_open_files));
    process_start_.Set(usage.start_unix_seconds);
    process_cpu_.Increment(std::max(0.0, usage.cpu_seconds - process_cpu_.Value()));
  }

  void SetDataFilesystem(int64_t size_bytes, int64_t available_bytes) override {
    data_size_.Set(static_cast<double>(size_bytes));
    data_available_.Set(static_cast<double>(available_bytes));
  }

  void OnReload(const std::string& what, bool taken) override {
    reloads_.Add({{"what", what}, {"result", taken ? "taken" : "refused"}}).Increment();
  }

  void OnAuditEntry(bool written) override {
    audit_entries_.Add({{"result", written ? "written" : "failed"}}).Increment();
  }

  void SetCertificateExpiry(double unix_seconds) override { certificate_expiry_.Add({}).Set(unix_seconds); }

  void SetLimits(int64_t queue_tokens, int64_t batch_tokens) override {
    max_queue_tokens_.Set(static_cast<double>(queue_tokens));
    max_batch_tokens_.Set(static_cast<double>(batch_tokens));
  }

  void ForgetModel(const VersionLabels& version) override {
    std::lock_guard lock(mutex_);
    for (const std::string kind : {"models/", "gauges/models/"}) {
      const std::string prefix = kind + version.model + "/";
      version.version.empty() ? series_.RemoveAll(prefix) : series_.Remove(prefix + version.version);
    }
  }

  std::string Text() override {
    // One scrape at a time: what the hook sets again is never seen missing.
    std::lock_guard scrape_lock(scrape_mutex_);
    if (before_scrape_) {
      {
        // Left alone, the gauges of a version that is no longer loaded would stand for ever.
        std::lock_guard lock(mutex_);
        series_.RemoveAll("gauges/");
      }
      for (const char* state : kJobStates) SetJobs(state, 0);
      before_scrape_(*this);
    }
    return prometheus::TextSerializer().Serialize(registry_.Collect());
  }

  void set_before_scrape(std::function<void(Metrics&)> before_scrape) override {
    std::lock_guard lock(scrape_mutex_);
    before_scrape_ = std::move(before_scrape);
  }

 private:
  static Labels LabelsOf(const VersionLabels& version) {
    return {{"model", version.model}, {"version", version.version}};
  }
  // Owners of series: what counts since the start, and what each scrape sets anew.
  static std::string OwnerOf(const VersionLabels& version) { return "models/" + version.model + "/" + version.version; }
  static std::string GaugesOf(const VersionLabels& version) {
    return "gauges/models/" + version.model + "/" + version.version;
  }

  // The following under the lock.
  void EndJob(const std::string& job, const std::string& state) {
    jobs_ended_.Add({{"state", state}}).Increment();
    series_.Remove("running/" + job);
    ended_.push_back(job);
    if (ended_.size() > kEndedJobs) ForgetJobLocked(std::string(ended_.front()));
  }

  void ForgetJobLocked(const std::string& job) {
    series_.Remove("jobs/" + job);
    series_.Remove("running/" + job);
    series_.Remove("gauges/trainers/" + job);
    ended_.erase(std::remove(ended_.begin(), ended_.end(), job), ended_.end());
  }

  void SetScores(const std::string& job, const std::string& type, const EntityScores& scores) {
    const Labels labels = {{"job", job}, {"type", type}};
    series_.Get("jobs/" + job, training_precision_, labels).Set(scores.precision);
    series_.Get("jobs/" + job, training_recall_, labels).Set(scores.recall);
    series_.Get("jobs/" + job, training_f1_, labels).Set(scores.f1);
  }

  template <typename Metric>
  Family<Metric>& Add(const char* name, const char* help) {
    return prometheus::detail::Builder<Metric>().Name(name).Help(help).Register(registry_);
  }
  // A family of one series without labels.
  template <typename Metric>
  Metric& AddOne(const char* name, const char* help) {
    return Add<Metric>(name, help).Add({});
  }

  prometheus::Registry registry_;
  Family<Counter>& requests_ = Add<Counter>("fintag_requests_total", "Calls by gRPC method and status code.");
  Family<Histogram>& request_duration_ =
      Add<Histogram>("fintag_request_duration_seconds", "From a call's arrival to its end, by gRPC method.");
  Family<Histogram>& queue_duration_ =
      Add<Histogram>("fintag_queue_duration_seconds", "How long a tag request waited for its first batch.");
  Family<Histogram>& inference_duration_ =
      Add<Histogram>("fintag_inference_duration_seconds", "One forward pass of the model over a packed batch.");
  Family<Histogram>& batch_tokens_ = Add<Histogram>("fintag_batch_tokens", "Tokens (WordPieces) in a packed batch.");
  Family<Gauge>& queue_tokens_ = Add<Gauge>("fintag_queue_tokens", "Tokens that wait for the model.");
  Family<Counter>& tokens_ = Add<Counter>("fintag_tokens_total", "Tokens (WordPieces) tagged.");
  Family<Counter>& sentences_ = Add<Counter>("fintag_sentences_total", "Texts tagged.");
  Family<Counter>& entities_ = Add<Counter>("fintag_entities_total", "Entities found, by label.");
  Family<Histogram>& confidence_ = Add<Histogram>("fintag_entity_confidence", "Scores of the entities found, 0 to 1.");
  Family<Counter>& unknown_tokens_ =
      Add<Counter>("fintag_unknown_tokens_total", "Tagged tokens that the vocabulary does not have.");
  Family<Gauge>& jobs_ = Add<Gauge>("fintag_jobs", "Fine-tuning jobs in the store, by state.");
  Family<Counter>& jobs_ended_ =
      Add<Counter>("fintag_jobs_ended_total", "Jobs that ended since the server's start, by final state.");
  Family<Gauge>& last_event_ =
      Add<Gauge>("fintag_training_last_event_timestamp_seconds", "When the running job last said something.");
  Family<Gauge>& trainer_resident_ =
      Add<Gauge>("fintag_trainer_resident_memory_bytes", "Memory of the running job's trainer process.");
  Family<Counter>& trainer_cpu_ =
      Add<Counter>("fintag_trainer_cpu_seconds_total", "Processor time of the running job's trainer process.");
  Family<Gauge>& training_epoch_ = Add<Gauge>("fintag_training_epoch", "The job's current epoch, from 1.");
  Family<Gauge>& training_loss_ = Add<Gauge>("fintag_training_loss", "The job's latest training loss.");
  Family<Counter>& training_tokens_ = Add<Counter>("fintag_training_tokens_total", "Tokens the job trained on.");
  Family<Gauge>& training_speed_ = Add<Gauge>("fintag_training_tokens_per_second", "The job's latest training speed.");
  Family<Gauge>& training_f1_ =
      Add<Gauge>("fintag_training_f1", "F1 on the validation part after the latest epoch: micro, macro or a label.");
  Family<Gauge>& training_precision_ =
      Add<Gauge>("fintag_training_precision", "Precision on the validation part after the latest epoch.");
  Family<Gauge>& training_recall_ =
      Add<Gauge>("fintag_training_recall", "Recall on the validation part after the latest epoch.");
  Family<Gauge>& training_accuracy_ =
      Add<Gauge>("fintag_training_accuracy", "Share of validation words with the right tag after the latest epoch.");
  Family<Gauge>& model_f1_ = Add<Gauge>("fintag_model_f1", "Micro F1 of a model version on its validation part.");
  Family<Gauge>& model_created_ = Add<Gauge>("fintag_model_created_timestamp_seconds", "When the version was made.");
  Family<Counter>& reloads_ = Add<Counter>(
      "fintag_reloads_total", "Changed certificates and token files that were taken, or refused and the old kept.");
  Family<Counter>& audit_entries_ =
      Add<Counter>("fintag_audit_entries_total", "Entries of the audit log, written or failed to be.");
  Family<Gauge>& certificate_expiry_ =
      Add<Gauge>("fintag_certificate_expiry_timestamp_seconds", "When the server's certificate expires.");
  Gauge& max_queue_tokens_ = AddOne<Gauge>("fintag_max_queue_tokens", "Tokens that may wait for one model version.");
  Gauge& max_batch_tokens_ = AddOne<Gauge>("fintag_max_batch_tokens", "Tokens that fit one forward pass.");
  Gauge& data_size_ =
      AddOne<Gauge>("fintag_data_filesystem_size_bytes", "Size of the file system with the data folder.");
  Gauge& data_available_ =
      AddOne<Gauge>("fintag_data_filesystem_avail_bytes", "What the server may still write there.");
  Gauge& process_resident_ = AddOne<Gauge>("process_resident_memory_bytes", "Memory of the server's process.");
  Gauge& process_virtual_ = AddOne<Gauge>("process_virtual_memory_bytes", "Address space of the server's process.");
  Counter& process_cpu_ = AddOne<Counter>("process_cpu_seconds_total", "Processor time of the server's process.");
  Gauge& process_open_fds_ = AddOne<Gauge>("process_open_fds", "Files and connections that the server has open.");
  Gauge& process_max_fds_ = AddOne<Gauge>("process_max_fds", "How many it may have open.");
  Gauge& process_start_ = AddOne<Gauge>("process_start_time_seconds", "When the server's process started.");

  std::mutex scrape_mutex_;  // taken before the other
  std::function<void(Metrics&)> before_scrape_;
  std::mutex mutex_;
  RemovableSeries series_;
  std::deque<std::string> ended_;  // jobs with series, the earliest first
};

}  // namespace

std::unique_ptr<Metrics> Metrics::Create() { return std::make_unique<PrometheusMetrics>(); }

}  // namespace fintag::server
