#include "server/service.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <optional>
#include <utility>

#include "core/text/strings.h"
#include "core/version.h"
#include "server/api/admin_service.h"
#include "server/api/dataset_service.h"
#include "server/api/inference_service.h"
#include "server/api/model_service.h"
#include "server/api/reflection_service.h"
#include "server/api/replica_services.h"
#include "server/api/tagging_service.h"
#include "server/api/training_service.h"
#include "server/backup/restore.h"
#include "server/backup/staged_backup.h"
#include "server/gauges.h"
#include "server/model_log.h"
#include "server/models/followed_models.h"
#include "server/page/status_page.h"
#include "server/storage/disk_error.h"
#include "server/storage/folder_lock.h"
#include "server/storage/stored_bytes.h"
#include "server/telemetry/http_endpoint.h"

namespace fintag::server {
namespace {

// A thread for every call that may be under way, and some to refuse those beyond. Watches need none.
int32_t ThreadsFor(const ServerOptions& options) {
  constexpr int64_t kSpare = 256;
  const int64_t threads = int64_t{options.max_calls} + kSpare;
  return static_cast<int32_t>(std::min<int64_t>(threads, std::numeric_limits<int32_t>::max()));
}

class RunningService final : public Service {
 public:
  explicit RunningService(const Logger& logger) : logger_(logger), metrics_(Metrics::Create()) {}
  ~RunningService() override { Stop(); }

  absl::Status Start(const ServerOptions& options) {
    // A replica writes nothing in the data folder, which is another server's.
    if (absl::Status status = options.follow ? absl::OkStatus() : OpenDataFolder(options.data_dir); !status.ok()) {
      return status;
    }
    if (absl::Status status = LoadSecurity(options.security); !status.ok()) return status;
    if (audit_ != nullptr) {
      absl::Status written = audit_->Write(OwnEntry("Start", "", "OK", StrCat("fintagd ", kVersion)));
      if (!written.ok()) return written;
      started_ = true;
    }
    absl::Status opened = options.follow ? FollowModels(options) : OpenRegistries(options);
    if (!opened.ok()) return opened;
    if (absl::Status status = StartEndpoints(options); !status.ok()) return status;
    stop_seconds_ = options.stop_seconds;
    ready_ = true;
    logger_.Write(
        Severity::kInfo, "listening",
        {{"grpc", StrCat(api_->port())}, {"http", StrCat(http_->port())}, {"data", options.data_dir.string()}});
    LogHead();
    return absl::OkStatus();
  }

  void Stop() override {
    if (stopping_.exchange(true)) return;
    const bool served = ready_.exchange(false);
    reads_.Stop();
    if (page_ != nullptr) page_->Stop(std::chrono::seconds(stop_seconds_));
    if (api_ != nullptr) api_->Stop(std::chrono::seconds(stop_seconds_));
    // The gauges' reader goes before what it reads.
    http_.reset();
    queue_.reset();
    if (followed_ != nullptr) followed_->StopFollowing();
    loaded_.reset();
    // What reloads files writes entries as well. The listening ports, which read them, are closed.
    page_.reset();
    api_.reset();
    tokens_.reset();
    tls_.reset();
    if (!started_) return;
    audit_->Write(OwnEntry("Stop", "", "OK", StrCat("fintagd ", kVersion))).IgnoreError();
    if (served) LogHead();  // of a start that fails, the reason is all that is said
  }

 private:
  absl::Status OpenDataFolder(const std::filesystem::path& folder) {
    if (absl::Status status = lock_.Take(folder); !status.ok()) return status;
    if (absl::Status status = CheckRestored(folder); !status.ok()) return status;
    if (absl::Status status = StagedBackup::Clear(folder); !status.ok()) return status;
    return OpenAudit(folder / "audit.log");
  }

  absl::Status OpenAudit(const std::filesystem::path& file) {
    absl::StatusOr<std::unique_ptr<AuditLog>> audit =
        AuditLog::Open(file, [this](const absl::Status& status) { OnAuditEntry(status); });
    if (!audit.ok()) return audit.status();
    audit_ = *std::move(audit);
    return absl::OkStatus();
  }

  // Of what the server does itself.
  static AuditEntry OwnEntry(const std::string& what, const std::string& resource, const std::string& code,
                             const std::string& detail = "", const std::string& trace_id = "") {
    return {.caller = "fintagd",
            .peer = "",
            .method = "server/" + what,
            .resource = resource,
            .code = code,
            .trace_id = trace_id,
            .detail = detail};
  }

  // Kept elsewhere, the head shows an audit log whose end was cut off.
  void LogHead() {
    if (audit_ == nullptr) return;
    logger_.Write(Severity::kInfo, "audit log", {{"head", audit_->head()}, {"entries", StrCat(audit_->entries())}});
  }

  void OnAuditEntry(const absl::Status& status) {
    metrics_->OnAuditEntry(status.ok());
    if (audit_fails_.exchange(!status.ok()) == !status.ok()) return;
    if (status.ok()) {
      logger_.Write(Severity::kInfo, "the audit log is written again");
    } else {
      logger_.Write(Severity::kError, "the audit log cannot be written", {{"error", std::string(status.message())}});
    }
  }

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
    store_ = std::make_unique<JobStore>(*database_, options.max_caller_jobs);

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
    ModelObservers observers = LogModels(logger_);
    observers.on_batch = [this](const ModelVersion& version, const BatchReport& report) {
      metrics_->OnBatch(LabelsOf(version), report.tokens, report.seconds, report.queue_seconds);
    };
    loaded_ = LoadedModels::Create(models, options, std::move(observers));
  }

  absl::Status StartEndpoints(const ServerOptions& options) {
    metrics_->SetLimits(options.models.scheduler.max_queue_tokens, options.models.scheduler.max_batch_tokens);
    metrics_->set_before_scrape(
        [sources = GaugeSources{options.data_dir, options.data_dir / "jobs", store_.get(), *served_, *loaded_}](
            Metrics& metrics) { SetGauges(metrics, sources); });
    calls_.emplace(options.max_calls, "calls");
    callers_.emplace(options.callers);
    room_.emplace([this](const std::string& caller) { return StoredBytes(*database_, caller); },
                  options.max_caller_bytes);
    const CallEnvironment environment{*metrics_, logger_,   stopping_, *access_,
                                      *calls_,   *callers_, reads_,    audit_.get()};
    if (options.follow) {
      const std::string refusal = ReplicaRefusal(options.primary);
      dataset_service_ = std::make_unique<ReplicaDatasetService>(environment, refusal);
      model_service_ = std::make_unique<ReplicaModelService>(environment, *served_, *loaded_, *room_, refusal);
      training_service_ = std::make_unique<ReplicaTrainingService>(environment, refusal);
      admin_service_ = std::make_unique<ReplicaAdminService>(environment, refusal);
    } else {
      dataset_service_ = std::make_unique<DatasetService>(environment, *datasets_, *room_, options.max_dataset_bytes);
      model_service_ = std::make_unique<ModelService>(environment, *models_, *loaded_, *room_, options.max_model_bytes);
      training_service_ = std::make_unique<TrainingService>(environment, *store_, *queue_, *datasets_, *models_, *room_,
                                                            options.max_watchers, options.max_processes);
      admin_service_ = std::make_unique<AdminService>(environment, *database_, options.data_dir);
    }
    tagging_service_ = std::make_unique<TaggingService>(environment, *loaded_, options.tagging);
    inference_service_ = std::make_unique<InferenceService>(environment, *served_, *loaded_, options.tagging);
    reflection_service_ = std::make_unique<ReflectionService>(environment);
    ApiServerOptions api_options = options.api;
    api_options.max_threads = ThreadsFor(options);
    absl::StatusOr<std::unique_ptr<ApiServer>> api =
        ApiServer::Start(api_options, tls_.get(),
                         {dataset_service_.get(), model_service_.get(), training_service_.get(), tagging_service_.get(),
                          inference_service_.get(), admin_service_.get(), reflection_service_.get()},
                         [this](int error) { OnRefusal(error); });
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
    if (audit_ != nullptr) {
      audit_->Write(OwnEntry("Reload", what, absl::StatusCodeToString(status.code()))).IgnoreError();
    }
    if (status.ok()) {
      logger_.Write(Severity::kInfo, "changed files are in use", {{"what", what}});
    } else {
      logger_.Write(Severity::kError, "changed files are not taken: those before stay in use",
                    {{"what", what}, {"error", std::string(status.message())}});
    }
  }

  void OnRefusal(int error) {
    if (error == 0) {
      logger_.Write(Severity::kInfo, "connections are taken again");
    } else {
      logger_.Write(Severity::kError, "connections are refused", {{"error", DiskError(error, "accept").ToString()}});
    }
  }

  void OnJobEvent(const Job& job, const Event& event) {
    metrics_->OnJobEvent(job.id, event);
    if (const auto* change = std::get_if<StateChanged>(&event.what)) {
      logger_.Write(change->state == "FAILED" ? Severity::kWarning : Severity::kInfo, "job",
                    {{"job", job.id},
                     {"state", change->state},
                     {"model_version", change->model_version},
                     {"trace_id", job.trace_id}});
      AuditJob(job, *change);
    }
  }

  void AuditJob(const Job& job, const StateChanged& change) {
    if (!IsFinalState(change.state)) return;
    const std::string name = "jobs/" + job.id;
    if (!change.model_version.empty()) {
      audit_->Write(OwnEntry("RegisterModelVersion", change.model_version, "OK", name, job.trace_id)).IgnoreError();
    }
    audit_->Write(OwnEntry("EndJob", name, change.state, "", job.trace_id)).IgnoreError();
  }

  // These are of files, rows and processes: no user's text is in their messages.
  void OnJobTrouble(const std::string& id, const absl::Status& status) {
    const absl::StatusOr<Job> job = store_->Get(id);
    const std::string trace_id = job.ok() ? job->trace_id : "";
    if (status.ok()) {
      logger_.Write(Severity::kInfo, "the job queue goes on", {{"job", id}, {"trace_id", trace_id}});
    } else {
      logger_.Write(Severity::kError, "the job queue is held up",
                    {{"job", id}, {"error", status.ToString()}, {"trace_id", trace_id}});
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
  std::atomic<bool> audit_fails_ = false;
  bool started_ = false;
  int32_t stop_seconds_ = 10;
  // Each uses those above it.
  std::unique_ptr<Metrics> metrics_;
  std::unique_ptr<AuditLog> audit_;
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
  std::optional<UploadRoom> room_;
  StreamReads reads_;
  std::unique_ptr<grpc::Service> dataset_service_;
  std::unique_ptr<grpc::Service> model_service_;
  std::unique_ptr<grpc::Service> training_service_;
  std::unique_ptr<TaggingService> tagging_service_;
  std::unique_ptr<InferenceService> inference_service_;
  std::unique_ptr<grpc::Service> admin_service_;
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
