#include "server/telemetry/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <map>
#include <mutex>
#include <vector>

#include "core/version.h"

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

const Buckets kConfidence = {0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 1};

// The series of each job and each model version, to take away with it. Family::Remove leaves references that Add gave
// behind, so all use of such series goes through here, under the owner's lock.
class RemovableSeries {
 public:
  template <typename Metric, typename... Arguments>
  Metric& Get(const std::string& owner, Family<Metric>& family, const Labels& labels, Arguments&&... arguments) {
    Metric& metric = family.Add(labels, std::forward<Arguments>(arguments)...);
    std::function<void()>& remove = removers_[owner][&metric];
    if (!remove) remove = [&family, &metric] { family.Remove(&metric); };
    return metric;
  }

  void Remove(const std::string& owner) {
    const auto removers = removers_.find(owner);
    if (removers == removers_.end()) return;
    for (const auto& [metric, remove] : removers->second) remove();
    removers_.erase(removers);
  }

  // Those of every owner that starts with `prefix`.
  void RemoveAll(const std::string& prefix) {
    while (true) {
      const auto removers = removers_.lower_bound(prefix);
      if (removers == removers_.end() || removers->first.rfind(prefix, 0) != 0) return;
      Remove(std::string(removers->first));
    }
  }

 private:
  std::map<std::string, std::map<const void*, std::function<void()>>> removers_;
};

class PrometheusMetrics final : public Metrics {
 public:
  PrometheusMetrics() {
    Add<Gauge>("fintag_build_info", "The program's version, in a label; always 1.").Add({{"version", kVersion}}).Set(1);
    for (const char* state : kJobStates) jobs_.Add({{"state", state}}).Set(0);
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
    series_.Remove("jobs/" + job);
  }

  void SetQueueTokens(const VersionLabels& version, int64_t tokens) override {
    std::lock_guard lock(mutex_);
    series_.Get(GaugesOf(version), queue_tokens_, LabelsOf(version)).Set(static_cast<double>(tokens));
  }

  void SetJobs(const std::string& state, int64_t count) override {
    jobs_.Add({{"state", state}}).Set(static_cast<double>(count));
  }

  void SetModelF1(const VersionLabels& version, double f1) override {
    std::lock_guard lock(mutex_);
    series_.Get(GaugesOf(version), model_f1_, LabelsOf(version)).Set(f1);
  }

  void ForgetModel(const VersionLabels& version) override {
    std::lock_guard lock(mutex_);
    for (const std::string kind : {"models/", "gauges/"}) {
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
    return "gauges/" + version.model + "/" + version.version;
  }

  template <typename Metric>
  Family<Metric>& Add(const char* name, const char* help) {
    return prometheus::detail::Builder<Metric>().Name(name).Help(help).Register(registry_);
  }

  // Under the lock.
  void SetScores(const std::string& job, const std::string& type, const EntityScores& scores) {
    const Labels labels = {{"job", job}, {"type", type}};
    series_.Get("jobs/" + job, training_precision_, labels).Set(scores.precision);
    series_.Get("jobs/" + job, training_recall_, labels).Set(scores.recall);
    series_.Get("jobs/" + job, training_f1_, labels).Set(scores.f1);
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

  std::mutex scrape_mutex_;  // taken before the other
  std::function<void(Metrics&)> before_scrape_;
  std::mutex mutex_;
  RemovableSeries series_;
};

}  // namespace

std::unique_ptr<Metrics> Metrics::Create() { return std::make_unique<PrometheusMetrics>(); }

}  // namespace fintag::server
