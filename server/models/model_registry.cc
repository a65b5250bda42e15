#include "server/models/model_registry.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/cleanup/cleanup.h"
#include "absl/time/clock.h"
#include "core/text/strings.h"
#include "core/training/file_io.h"
#include "server/models/checkpoint_check.h"
#include "server/models/model_json.h"
#include "server/models/published_version.h"
#include "server/storage/folders.h"
#include "server/storage/paging.h"
#include "server/storage/resource_name.h"
#include "server/storage/unfinished_jobs.h"

namespace fintag::server {
namespace {

namespace fs = std::filesystem;

// version.json until the version is registered.
constexpr char kUnpublishedFile[] = ".version.json";

constexpr std::string_view kVersionColumns = "model, version, create_time_ms, job, description, owner";

absl::StatusOr<ModelVersion> VersionFromRow(const Row& row) {
  absl::StatusOr<ModelVersion> version = ModelVersionFromJson(row.Text(4));
  if (!version.ok()) {
    return absl::Status(version.status().code(),
                        StrCat("models/", row.Text(0), "/versions/", row.Int(1), ": ", version.status().message()));
  }
  version->model = row.Text(0);
  version->version = row.Int(1);
  version->create_time_ms = row.Int(2);
  version->job = row.Text(3);
  version->owner = row.Text(5);
  return version;
}

absl::Status NotFound(std::string_view name) { return absl::NotFoundError(StrCat("there is no ", name)); }

class Registry : public ModelRegistry {
 public:
  Registry(Database& database, fs::path folder) : database_(database), folder_(std::move(folder)) {}

  absl::StatusOr<fs::path> MakeIncomingFolder() override { return MakeIncoming(folder_); }

  absl::StatusOr<ModelVersion> Add(const std::string& id, const fs::path& incoming, const ModelOrigin& origin,
                                   const std::string& request_id) override {
    if (incoming.parent_path() != IncomingFolder(folder_)) {
      return absl::InternalError(StrCat(incoming.string(), " is no incoming folder"));
    }
    // Nothing is left of it once it was renamed to its place.
    const absl::Cleanup cleaning = [&] { RemoveFolder(folder_, incoming).IgnoreError(); };
    if (absl::Status checked = CheckResourceId("model", id); !checked.ok()) return checked;
    if (absl::StatusOr<ModelVersion> made = AddedBefore(id, origin.job, request_id); !absl::IsNotFound(made.status())) {
      return made;
    }
    std::error_code error;
    fs::remove(incoming / kPublishedFile, error);  // another store's word
    absl::StatusOr<ModelVersion> version = CheckCheckpoint(incoming);
    if (!version.ok()) return version.status();
    version->model = id;
    version->create_time_ms = absl::ToUnixMillis(absl::Now());
    version->owner = origin.owner;
    version->job = origin.job;
    version->base = origin.base;
    version->dataset = origin.dataset;
    version->scores = origin.scores;
    version->unseen = origin.unseen;
    version->word_lookup = origin.word_lookup;
    const std::lock_guard<std::mutex> lock(mutex_);
    // A retry may have been quicker.
    if (absl::StatusOr<ModelVersion> made = AddedBefore(id, origin.job, request_id); !absl::IsNotFound(made.status())) {
      return made;
    }
    absl::StatusOr<int64_t> number = NextVersion(id);
    if (!number.ok()) return number.status();
    version->version = *number;
    absl::StatusOr<PublishedVersion> published = Describe(*version);
    if (!published.ok()) return published.status();
    if (absl::Status written = ReplaceFile(incoming / kUnpublishedFile, PublishedVersionJson(*published));
        !written.ok()) {
      return written;
    }
    // What a deletion could not take away.
    if (absl::Status removed = RemoveFolder(folder_, Folder(*version)); !removed.ok()) return removed;
    // The folder first: a row always has its files. A folder without a row is removed at the next start.
    if (absl::Status moved = MoveIntoPlace(incoming, Folder(*version)); !moved.ok()) return moved;
    const absl::Status inserted = Insert(*version, request_id);
    ForgetResolved();
    if (!inserted.ok()) {
      RemoveFolder(folder_, Folder(*version)).IgnoreError();
      return inserted;
    }
    // Should this go wrong, the next start does it.
    fs::rename(Folder(*version) / kUnpublishedFile, Folder(*version) / kPublishedFile, error);
    return version;
  }

  absl::StatusOr<ModelVersion> FindAdded(const std::string& id, const std::string& request_id) override {
    return AddedBefore(id, /*job=*/"", request_id);
  }

  absl::StatusOr<Model> Get(const std::string& id) override {
    absl::StatusOr<std::vector<Row>> rows = database_.Query("SELECT id, create_time_ms FROM models WHERE id = ?", {id});
    if (!rows.ok()) return rows.status();
    if (rows->empty()) return NotFound("models/" + id);
    return WithVersions(rows->front());
  }

  // Every request to tag asks: only the first after a change reads the rows of the model's versions.
  absl::StatusOr<ModelVersion> Resolve(const std::string& name, bool tagger) override {
    const std::pair<std::string, bool> question(name, tagger);
    int64_t changes = 0;
    {
      const std::lock_guard<std::mutex> lock(resolved_mutex_);
      if (const auto known = resolved_.find(question); known != resolved_.end()) return known->second;
      changes = changes_;
    }
    absl::StatusOr<ModelVersion> version = ModelRegistry::Resolve(name, tagger);
    const std::lock_guard<std::mutex> lock(resolved_mutex_);
    if (version.ok() && changes == changes_) resolved_.emplace(question, *version);
    return version;
  }

  absl::StatusOr<std::vector<Model>> List(const PageRequest& page, std::string& next_page_token) override {
    next_page_token.clear();
    absl::StatusOr<PageStart> start = ReadPageRequest("models", page);
    if (!start.ok()) return start.status();
    std::vector<Model> models;
    // One transaction: no model loses its versions between the two queries.
    absl::Status listed = database_.Transaction([&]() -> absl::Status {
      absl::StatusOr<std::vector<Row>> rows = database_.Query(
          "SELECT id, create_time_ms, position FROM models WHERE position < ? ORDER BY position DESC LIMIT ?",
          {start->before, start->rows + 1});
      if (!rows.ok()) return rows.status();
      if (static_cast<int64_t>(rows->size()) > start->rows) {
        rows->pop_back();
        next_page_token = PageToken("models", rows->back().Int(2));
      }
      for (const Row& row : *rows) {
        absl::StatusOr<Model> model = WithVersions(row);
        if (!model.ok()) return model.status();
        models.push_back(*std::move(model));
      }
      return absl::OkStatus();
    });
    if (!listed.ok()) return listed;
    return models;
  }

  absl::Status Delete(const std::string& name) override {
    absl::StatusOr<ModelName> parsed = ParseModelName(name);
    if (!parsed.ok()) return parsed.status();
    const std::lock_guard<std::mutex> lock(mutex_);
    std::vector<fs::path> doomed;
    absl::Status deleted = database_.Transaction([&] { return DeleteRows(*parsed, name, doomed); });
    ForgetResolved();
    if (!deleted.ok()) return deleted;
    for (const fs::path& folder : doomed) {
      if (absl::Status removed = RemoveFolder(folder_, folder); !removed.ok()) return removed;
    }
    return absl::OkStatus();
  }

  fs::path Folder(const ModelVersion& version) const override {
    return folder_ / version.model / std::to_string(version.version);
  }

  absl::Status Recover() {
    if (absl::Status prepared = PrepareRoot(folder_); !prepared.ok()) return prepared;
    absl::StatusOr<std::vector<Row>> rows = database_.Query("SELECT model, version FROM model_versions");
    if (!rows.ok()) return rows.status();
    std::map<std::string, std::set<std::string>> known;
    std::set<std::string> models;
    for (const Row& row : *rows) {
      models.insert(row.Text(0));
      known[row.Text(0)].insert(std::to_string(row.Int(1)));
    }
    if (absl::Status removed = RemoveAllBut(folder_, folder_, models); !removed.ok()) return removed;
    for (const auto& [model, versions] : known) {
      std::error_code error;
      if (!fs::is_directory(folder_ / model, error)) continue;  // taken away by hand: Load names the missing file
      if (absl::Status removed = RemoveAllBut(folder_, folder_ / model, versions); !removed.ok()) return removed;
    }
    PublishMissing(models);
    return absl::OkStatus();
  }

 private:
  // What an older program registered, or one that was killed just then. Where a disk is full or a description is
  // damaged, those that follow do without.
  void PublishMissing(const std::set<std::string>& models) {
    for (const std::string& id : models) {
      absl::StatusOr<Model> model = Get(id);
      if (!model.ok()) continue;
      for (const ModelVersion& version : model->versions) {
        std::error_code error;
        const fs::path folder = Folder(version);
        if (!fs::is_directory(folder, error) || fs::exists(folder / kPublishedFile, error)) continue;
        absl::StatusOr<PublishedVersion> published = Describe(version);
        if (!published.ok()) continue;
        ReplaceFile(folder / kPublishedFile, PublishedVersionJson(*published)).IgnoreError();
        fs::remove(folder / kUnpublishedFile, error);
      }
    }
  }

  // To be called after each change of the rows, before files go.
  void ForgetResolved() {
    const std::lock_guard<std::mutex> lock(resolved_mutex_);
    resolved_.clear();
    ++changes_;
  }

  // A version with what others are told of its model; that may be new with it.
  absl::StatusOr<PublishedVersion> Describe(const ModelVersion& version) {
    PublishedVersion published{version, version.create_time_ms, 0};
    absl::StatusOr<std::vector<Row>> rows =
        database_.Query("SELECT create_time_ms, position FROM models WHERE id = ?", {version.model});
    if (!rows.ok()) return rows.status();
    if (!rows->empty()) {
      published.model_create_time_ms = rows->front().Int(0);
      published.model_position = rows->front().Int(1);
      return published;
    }
    rows = database_.Query("SELECT seq FROM sqlite_sequence WHERE name = 'models'");
    if (!rows.ok()) return rows.status();
    published.model_position = (rows->empty() ? 0 : rows->front().Int(0)) + 1;
    return published;
  }

  // `row` is id, create_time_ms.
  absl::StatusOr<Model> WithVersions(const Row& row) {
    Model model;
    model.id = row.Text(0);
    model.create_time_ms = row.Int(1);
    absl::StatusOr<std::vector<Row>> rows = database_.Query(
        StrCat("SELECT ", kVersionColumns, " FROM model_versions WHERE model = ? ORDER BY version DESC"), {model.id});
    if (!rows.ok()) return rows.status();
    for (const Row& version_row : *rows) {
      absl::StatusOr<ModelVersion> version = VersionFromRow(version_row);
      if (!version.ok()) return version.status();
      model.versions.push_back(*std::move(version));
    }
    return model;
  }

  // The version that this job or this request has made; NOT_FOUND if none.
  absl::StatusOr<ModelVersion> AddedBefore(const std::string& id, const std::string& job,
                                           const std::string& request_id) {
    absl::StatusOr<std::vector<Row>> rows =
        database_.Query(StrCat("SELECT ", kVersionColumns,
                               " FROM model_versions WHERE (job <> '' AND job = ?) OR "
                               "(request_id <> '' AND model = ? AND request_id = ?)"),
                        {job, id, request_id});
    if (!rows.ok()) return rows.status();
    if (rows->empty()) return absl::NotFoundError("");
    return VersionFromRow(rows->front());
  }

  absl::StatusOr<int64_t> NextVersion(const std::string& id) {
    absl::StatusOr<std::vector<Row>> rows = database_.Query("SELECT next_version FROM models WHERE id = ?", {id});
    if (!rows.ok()) return rows.status();
    return rows->empty() ? 1 : rows->front().Int(0);
  }

  absl::Status Insert(const ModelVersion& version, const std::string& request_id) {
    return database_.Transaction([&]() -> absl::Status {
      absl::Status model = database_
                               .Execute(
                                   "INSERT INTO models (id, create_time_ms, next_version) VALUES (?, ?, ?) "
                                   "ON CONFLICT (id) DO UPDATE SET next_version = excluded.next_version",
                                   {version.model, version.create_time_ms, version.version + 1})
                               .status();
      if (!model.ok()) return model;
      return database_
          .Execute(
              "INSERT INTO model_versions (model, version, create_time_ms, request_id, job, description, owner, bytes) "
              "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
              {version.model, version.version, version.create_time_ms, request_id, version.job,
               ModelVersionJson(version), version.owner, version.size_bytes})
          .status();
    });
  }

  absl::Status DeleteRows(const ModelName& target, const std::string& name, std::vector<fs::path>& doomed) {
    absl::StatusOr<Model> model = Get(target.id);
    if (!model.ok()) return model.status();
    std::vector<ModelVersion> versions;
    for (const ModelVersion& version : model->versions) {
      if (!target.version || version.version == *target.version) versions.push_back(version);
    }
    if (versions.empty()) return NotFound(name);
    for (const ModelVersion& version : versions) {
      // Who trains from it, and the job that made it but is not yet recorded as done.
      absl::Status needed =
          RefuseIfJobsNeed(database_, version.name(), "base = ? OR 'jobs/' || id = ?", {version.name(), version.job});
      if (!needed.ok()) return needed;
      absl::Status deleted =
          database_
              .Execute("DELETE FROM model_versions WHERE model = ? AND version = ?", {version.model, version.version})
              .status();
      if (!deleted.ok()) return deleted;
      doomed.push_back(Folder(version));
    }
    if (versions.size() < model->versions.size()) return absl::OkStatus();
    doomed.push_back(folder_ / target.id);
    return database_.Execute("DELETE FROM models WHERE id = ?", {target.id}).status();
  }

  Database& database_;
  const fs::path folder_;
  // Held while a folder takes or leaves its place, so that row and folder change together. Guards no member.
  std::mutex mutex_;
  std::mutex resolved_mutex_;
  std::map<std::pair<std::string, bool>, ModelVersion> resolved_ ABSL_GUARDED_BY(resolved_mutex_);
  int64_t changes_ ABSL_GUARDED_BY(resolved_mutex_) = 0;  // a version read before one is not kept
};

}  // namespace

bool IsSame(const ModelVersion& a, const ModelVersion& b) {
  return a.name() == b.name() && a.create_time_ms == b.create_time_ms && a.weights_sha256 == b.weights_sha256;
}

absl::StatusOr<ModelVersion> ModelRegistry::Resolve(const std::string& name, bool tagger) {
  absl::StatusOr<ModelName> parsed = ParseModelName(name);
  if (!parsed.ok()) return parsed.status();
  absl::StatusOr<Model> model = Get(parsed->id);
  if (!model.ok()) return model.status();
  const auto found = std::find_if(model->versions.begin(), model->versions.end(), [&](const ModelVersion& version) {
    return parsed->version ? version.version == *parsed->version : !tagger || !version.is_base();
  });
  if (found == model->versions.end()) {
    if (parsed->version) return NotFound(name);
    return absl::FailedPreconditionError(
        StrCat(name, " has no tagger, only base encoders: train one, or name another model"));
  }
  if (tagger && found->is_base()) {
    return absl::FailedPreconditionError(
        StrCat(name, " is a base encoder and has no tags: name a version that was trained"));
  }
  return *found;
}

absl::Status ModelRegistry::CheckStillThere(const ModelVersion& version) {
  absl::StatusOr<ModelVersion> now = Resolve(version.name(), /*tagger=*/false);
  if (!now.ok()) return now.status();
  if (IsSame(*now, version)) return absl::OkStatus();
  return absl::NotFoundError(StrCat(version.name(), " was deleted meanwhile"));
}

absl::StatusOr<std::unique_ptr<ModelRegistry>> ModelRegistry::Open(Database& database, const fs::path& folder) {
  auto registry = std::make_unique<Registry>(database, folder);
  if (absl::Status recovered = registry->Recover(); !recovered.ok()) return recovered;
  return registry;
}

}  // namespace fintag::server
