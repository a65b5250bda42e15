#include "server/service.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <optional>

#include "core/text/strings.h"
#include "server/api/dataset_service.h"
#include "server/api/inference_service.h"
#include "server/api/model_service.h"
#include "server/api/reflection_service.h"
#include "server/api/replica_services.h"
#include "server/api/tagging_service.h"
#include "server/api/training_service.h"
#include "server/gauges.h"
#include "server/models/followed_models.h"
#include "server/page/status_page.h"
#include "server/telemetry/http_endpoint.h"

namespace fintag::server {
namespace {

// One server a data folder.
class FolderLock {
 public:
  ~FolderLock() {
    if (descriptor_ >= 0) close(descriptor_);
  }

  absl::Status Take(const std::filesystem::path& folder) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) return absl::UnknownError(StrCat("cannot make ", folder.string(), ": ", error.message()));
    descriptor_ = open((folder / "fintagd.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (descriptor_ < 0) {
      return absl::ErrnoToStatus(errno, StrCat("cannot write in ", folder.string()));
    }
    if (flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
      return absl::FailedPreconditionError(StrCat("another fintagd uses ", folder.string()));
    }
    return absl::OkStatus();
  }

 private:
  int descriptor_ = -1;
};

// A thread for every call that may be under way, and some to refuse those beyond.
int32_t ThreadsFor(const ServerOptions& options) {
  constexpr int64_t kSpare = 256;
  const int64_t threads = int64_t{options.max_calls} + options.max_watchers + kSpare;
  return static_cast<int32_t>(std::min<int64_t>(threads, std::numeric_limits<int32_t>::max()));
}

class RunningService final : public Service {
 public:
  explicit RunningService(const Logger& logger) : logger_(logger), metrics_(Metrics::Create()) {}
  ~RunningService() override { Stop(); }

  absl::Status Start(const ServerOptions& options) {
    if (!options.follow) {
      if (absl::Status status = lock_.Take(options.data_dir); !status.ok()) return status;
    }
    if (absl::Status status = LoadSecurity(options.security); !status.ok()) return status;
    absl::Status opened = options.follow ? FollowModels(options) : OpenRegistries(options);
    if (!opened.ok()) return opened;
    if (absl::Status status = StartEndpoints(options); !status.ok()) return status;
    stop_seconds_ = options.stop_seconds;
    ready_ = true;
    logger_.Write(
        Severity::kInfo, "listening",
        {{"grpc", StrCat(api_->port())}, {"http", StrCat(http_->port())}, {"data", options.data_dir.string()}});
    return absl::OkStatus();
  }

  void Stop() override {
    if (stopping_.exchange(true)) return;
    ready_ = false;
    reads_.Stop();
    if (page_ != nullptr) page_->Stop(std::chrono::seconds(stop_seconds_));
    if (api_ != nullptr) api_->Stop(std::chrono::seconds(stop_seconds_));
    // The gauges' reader goes before what it reads.
    http_.reset();
    queue_.reset();
    if (followed_ != nullptr) followed_->StopFollowing();
    loaded_.reset();
  }

 private:
  absl::Status LoadSecurity(const SecurityOptions& options) {
    if (const TlsFiles& files = options.tls; !files.certificate.empty()) {
      auto tls = Reloaded<ServerTls>::Load(
          files.All(), [files](const FileContents& contents) { return MakeServerTls(files, contents); },
          [this](const absl::Status& status, const ServerTls& in_use) {
            SetExpiry(in_use);
            OnReload("certificates", status);
          });
      if (!tls.ok()) return tls.status();
      tls_ = *std::move(tls);
      SetExpiry(*tls_->Get());
    }
    if (const std::filesystem::path& file = options.tokens; !file.empty()) {
      auto tokens = Reloaded<Tokens>::Load(
          {file}, [file](const FileContents& contents) { return Tokens::Parse(file.string(), contents[0]); },
          [this](const absl::Status& status, const Tokens&) { OnReload("tokens", status); });
      if (!tokens.ok()) return tokens.status();
      tokens_ = *std::move(tokens);
    }
    access_.emplace(tokens_.get());
    return absl::OkStatus();
  }

  absl::Status OpenRegistries(const ServerOptions& options) {
    absl::StatusOr<std::unique_ptr<Database>> database = Database::Open(options.data_dir / "fintag.db");
    if (!database.ok()) return database.status();
    database_ = *std::move(database);
    absl::StatusOr<std::unique_ptr<DatasetRegistry>> datasets =
        DatasetRegistry::Open(*database_, options.data_dir / "datasets");
    if (!datasets.ok()) return datasets.status();
    datasets_ = *std::move(datasets);
    absl::StatusOr<std::unique_ptr<ModelRegistry>> models =
        ModelRegistry::Open(*database_, options.data_dir / "models");
    if (!models.ok()) return models.status();
    models_ = *std::move(models);
    store_ = std::make_unique<JobStore>(*database_);

    JobQueueOptions jobs = options.jobs;
    jobs.folder = options.data_dir / "jobs";
    absl::StatusOr<std::unique_ptr<JobQueue>> queue =
        JobQueue::Start(jobs, *store_, *datasets_, *models_,
                        {[this](const Job& job, const Event& event) { OnJobEvent(job, event); },
                         [this](const std::string& id, const absl::Status& status) { OnJobTrouble(id, status); },
                         [this](const std::string& id, const std::string& state) {
                           logger_.Write(Severity::kInfo, "launcher", {{"job", id}, {"state", state}});
                         }});
    if (!queue.ok()) return queue.status();
    queue_ = *std::move(queue);
    ServeModels(*models_, options.models);
    return absl::OkStatus();
  }

  // In place of OpenRegistries: the models are another server's, and there is nothing else.
  absl::Status FollowModels(const ServerOptions& options) {
    constexpr absl::Duration kInterval = absl::Seconds(1);
    absl::StatusOr<std::unique_ptr<FollowedModels>> followed =
        FollowedModels::Open(options.data_dir / "models", ReplicaRefusal(options.primary));
    if (!followed.ok()) return followed.status();
    followed_ = *std::move(followed);
    LoadedModelsOptions loading = options.models;
    loading.tagger.keep_choice = false;
    ServeModels(*followed_, loading);
    followed_->Follow(
        kInterval,
        [this](const ModelVersion& version) {
          loaded_->Forget(version.name());
          metrics_->ForgetModel(LabelsOf(version));
        },
        [this](const absl::Status& status) { OnFollowTrouble(status); });
    return absl::OkStatus();
  }

  void ServeModels(ModelRegistry& models, const LoadedModelsOptions& options) {
    served_ = &models;
    loaded_ = LoadedModels::Create(models, options, [this](const ModelVersion& version, const BatchReport& report) {
      metrics_->OnBatch(LabelsOf(version), report.tokens, report.seconds, report.queue_seconds);
    });
  }

  absl::Status StartEndpoints(const ServerOptions& options) {
    metrics_->SetLimits(options.models.scheduler.max_queue_tokens, options.models.scheduler.max_batch_tokens);
    metrics_->set_before_scrape(
        [sources = GaugeSources{options.data_dir, options.data_dir / "jobs", store_.get(), *served_, *loaded_}](
            Metrics& metrics) { SetGauges(metrics, sources); });
    calls_.emplace(options.max_calls, "calls");
    callers_.emplace(options.callers);
    const CallEnvironment environment{*metrics_, logger_, stopping_, *access_, *calls_, *callers_, reads_};
    if (options.follow) {
      const std::string refusal = ReplicaRefusal(options.primary);
      dataset_service_ = std::make_unique<ReplicaDatasetService>(environment, refusal);
      model_service_ = std::make_unique<ReplicaModelService>(environment, *served_, *loaded_, refusal);
      training_service_ = std::make_unique<ReplicaTrainingService>(environment, refusal);
    } else {
      dataset_service_ = std::make_unique<DatasetService>(environment, *datasets_, options.max_dataset_bytes);
      model_service_ = std::make_unique<ModelService>(environment, *models_, *loaded_, options.max_model_bytes);
      training_service_ =
          std::make_unique<TrainingService>(environment, *store_, *queue_, *datasets_, *models_, options.max_watchers);
    }
    tagging_service_ = std::make_unique<TaggingService>(environment, *loaded_, options.tagging);
    inference_service_ = std::make_unique<InferenceService>(environment, *served_, *loaded_, options.tagging);
    reflection_service_ = std::make_unique<ReflectionService>(environment);
    ApiServerOptions api_options = options.api;
    api_options.max_threads = ThreadsFor(options);
    absl::StatusOr<std::unique_ptr<ApiServer>> api =
        ApiServer::Start(api_options, tls_.get(),
                         {dataset_service_.get(), model_service_.get(), training_service_.get(), tagging_service_.get(),
                          inference_service_.get(), reflection_service_.get()});
    if (!api.ok()) return api.status();
    api_ = *std::move(api);

    absl::StatusOr<std::unique_ptr<HttpEndpoint>> http = HttpEndpoint::Start(
        options.metrics_host, options.metrics_port, *metrics_, ready_, Pages(options), {tls_.get(), &*access_});
    if (!http.ok()) return http.status();
    http_ = *std::move(http);
    return absl::OkStatus();
  }

  HttpPages Pages(const ServerOptions& options) {
    if (!options.page) return {};
    std::vector<std::string> hosts = options.page_hosts;
    if (hosts.empty()) hosts = {IsLoopbackHost(options.metrics_host) ? "localhost" : "*"};
    page_ = std::make_unique<StatusPage>(api_->InProcessChannel(), std::move(hosts));
    // JSON may write a character in more bytes than it has.
    const auto max_body_bytes = static_cast<size_t>(2 * options.tagging.max_text_bytes + 4096);
    return {[this](const HttpRequest& request) { return page_->Answer(request); }, max_body_bytes};
  }

  void SetExpiry(const ServerTls& tls) {
    metrics_->SetCertificateExpiry(absl::ToDoubleSeconds(tls.expiry - absl::UnixEpoch()));
  }

  // What the messages name are files and lines of the operator's.
  void OnReload(const std::string& what, const absl::Status& status) {
    metrics_->OnReload(what, status.ok());
    if (status.ok()) {
      logger_.Write(Severity::kInfo, "changed files are in use", {{"what", what}});
    } else {
      logger_.Write(Severity::kError, "changed files are not taken: those before stay in use",
                    {{"what", what}, {"error", std::string(status.message())}});
    }
  }

  void OnJobEvent(const Job& job, const Event& event) {
    metrics_->OnJobEvent(job.id, event);
    if (const auto* change = std::get_if<StateChanged>(&event.what)) {
      logger_.Write(change->state == "FAILED" ? Severity::kWarning : Severity::kInfo, "job",
                    {{"job", job.id}, {"state", change->state}, {"model_version", change->model_version}});
    }
  }

  // These are of files, rows and processes: no user's text is in their messages.
  void OnJobTrouble(const std::string& id, const absl::Status& status) {
    if (status.ok()) {
      logger_.Write(Severity::kInfo, "the job queue goes on", {{"job", id}});
    } else {
      logger_.Write(Severity::kError, "the job queue is held up", {{"job", id}, {"error", status.ToString()}});
    }
  }

  void OnFollowTrouble(const absl::Status& status) {
    if (status.ok()) {
      logger_.Write(Severity::kInfo, "the models that are followed can be read again");
    } else {
      logger_.Write(Severity::kError, "not all models that are followed can be read",
                    {{"error", std::string(status.message())}});
    }
  }

  const Logger& logger_;
  FolderLock lock_;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> ready_ = false;
  int32_t stop_seconds_ = 10;
  // Each uses those above it.
  std::unique_ptr<Metrics> metrics_;
  std::unique_ptr<Reloaded<ServerTls>> tls_;
  std::unique_ptr<Reloaded<Tokens>> tokens_;
  std::optional<Access> access_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<DatasetRegistry> datasets_;
  std::unique_ptr<ModelRegistry> models_;
  std::unique_ptr<JobStore> store_;
  std::unique_ptr<JobQueue> queue_;
  std::unique_ptr<FollowedModels> followed_;  // in place of the four above
  ModelRegistry* served_ = nullptr;           // the one of both that is there
  std::unique_ptr<LoadedModels> loaded_;
  std::unique_ptr<HttpEndpoint> http_;
  std::optional<CallLimit> calls_;
  std::optional<CallerLimits> callers_;
  StreamReads reads_;
  std::unique_ptr<grpc::Service> dataset_service_;
  std::unique_ptr<grpc::Service> model_service_;
  std::unique_ptr<grpc::Service> training_service_;
  std::unique_ptr<TaggingService> tagging_service_;
  std::unique_ptr<InferenceService> inference_service_;
  std::unique_ptr<ReflectionService> reflection_service_;
  std::unique_ptr<ApiServer> api_;
  std::unique_ptr<StatusPage> page_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Service>> Service::Start(const ServerOptions& options, const Logger& logger) {
  auto service = std::make_unique<RunningService>(logger);
  if (absl::Status status = service->Start(options); !status.ok()) return status;
  return service;
}

}  // namespace fintag::server
