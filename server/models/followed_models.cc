#include "server/models/followed_models.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "core/text/strings.h"
#include "core/training/file_io.h"
#include "server/models/published_version.h"
#include "server/storage/paging.h"
#include "server/storage/resource_name.h"

namespace fintag::server {
namespace {

namespace fs = std::filesystem;

// Which contents a file has, as far as the file system tells without its being read.
using Stamp = std::tuple<ino_t, int64_t, int64_t, off_t>;

struct SeenVersion {
  Stamp stamp;
  PublishedVersion published;
};
using SeenVersions = std::map<fs::path, SeenVersion>;  // by file

// One that has just been deleted is no trouble.
bool IsGone(const std::error_code& error) {
  return error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory;
}

std::vector<fs::path> FoldersIn(const fs::path& folder, std::error_code& error) {
  std::vector<fs::path> folders;
  for (auto entry = fs::directory_iterator(folder, error); !error && entry != fs::end(entry); entry.increment(error)) {
    if (entry->path().filename().string().front() != '.') folders.push_back(entry->path());
  }
  return folders;
}

class Follower final : public FollowedModels {
 public:
  Follower(fs::path folder, const std::string& refusal)
      : folder_(std::move(folder)), refusal_(absl::FailedPreconditionError(refusal)) {}

  ~Follower() override { StopFollowing(); }

  void StopFollowing() override {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stopping_ = true;
    }
    news_.notify_one();
    if (thread_.joinable()) thread_.join();
  }

  void Follow(absl::Duration interval, std::function<void(const ModelVersion&)> on_gone,
              std::function<void(const absl::Status&)> on_trouble) override {
    thread_ = std::thread([this, interval, on_gone = std::move(on_gone), on_trouble = std::move(on_trouble)] {
      absl::Status trouble;
      std::unique_lock<std::mutex> lock(mutex_);
      while (!news_.wait_for(lock, absl::ToChronoMilliseconds(interval), [this] { return stopping_; })) {
        lock.unlock();
        std::vector<ModelVersion> gone;
        const absl::Status status = Look(gone);
        for (const ModelVersion& version : gone) on_gone(version);
        if (status != trouble) on_trouble(status);
        trouble = status;
        lock.lock();
      }
    });
  }

  // Reads what has changed since the last look.
  absl::Status Look(std::vector<ModelVersion>& gone) {
    std::error_code error;
    const std::vector<fs::path> models = FoldersIn(folder_, error);
    if (error) return absl::ErrnoToStatus(error.value(), StrCat("cannot read ", folder_.string()));
    SeenVersions seen;
    absl::Status status;
    for (const fs::path& model : models) {
      const std::vector<fs::path> versions = FoldersIn(model, error);
      if (error && !IsGone(error)) {
        status = absl::ErrnoToStatus(error.value(), StrCat("cannot read ", model.string()));
        KeepSeen(model, seen);
      }
      for (const fs::path& version : versions) {
        if (absl::Status read = Read(version / kPublishedFile, seen); !read.ok()) status = read;
      }
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& [file, before] : seen_) {
      const auto now = seen.find(file);
      if (now == seen.end() || !IsSame(now->second.published.version, before.published.version)) {
        gone.push_back(before.published.version);
      }
    }
    seen_ = std::move(seen);
    return status;
  }

  absl::StatusOr<fs::path> MakeIncomingFolder() override { return refusal_; }
  absl::StatusOr<ModelVersion> Add(const std::string&, const fs::path&, const ModelOrigin&,
                                   const std::string&) override {
    return refusal_;
  }
  absl::StatusOr<ModelVersion> FindAdded(const std::string&, const std::string&) override { return refusal_; }
  absl::Status Delete(const std::string&) override { return refusal_; }

  absl::StatusOr<Model> Get(const std::string& id) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    const std::map<int64_t, Model> models = Models(&id);
    if (models.empty()) return absl::NotFoundError(StrCat("there is no models/", id));
    return models.rbegin()->second;
  }

  // What was seen last may be older than a deletion. Where that cannot be read, nothing is known against it.
  absl::Status CheckStillThere(const ModelVersion& version) override {
    SeenVersions now;
    const absl::Status read = Read(Folder(version) / kPublishedFile, now);
    if (!read.ok() || (!now.empty() && IsSame(now.begin()->second.published.version, version))) return absl::OkStatus();
    return absl::NotFoundError(StrCat(version.name(), " was deleted meanwhile"));
  }

  absl::StatusOr<std::vector<Model>> List(const PageRequest& page, std::string& next_page_token) override {
    next_page_token.clear();
    absl::StatusOr<PageStart> start = ReadPageRequest("models", page);
    if (!start.ok()) return start.status();
    const std::lock_guard<std::mutex> lock(mutex_);
    std::vector<Model> listed;
    const std::map<int64_t, Model> models = Models(nullptr);
    int64_t last = 0;
    for (auto model = models.rbegin(); model != models.rend(); ++model) {
      if (model->first >= start->before) continue;
      if (static_cast<int64_t>(listed.size()) == start->rows) {
        next_page_token = PageToken("models", last);
        break;
      }
      listed.push_back(model->second);
      last = model->first;
    }
    return listed;
  }

  fs::path Folder(const ModelVersion& version) const override {
    return folder_ / version.model / std::to_string(version.version);
  }

 private:
  // A disk that does not answer is no reason to forget models.
  void KeepSeen(const fs::path& below, SeenVersions& seen) {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& entry : seen_) {
      if (entry.first.string().starts_with(below.string() + "/")) seen.insert(entry);
    }
  }

  absl::Status Read(const fs::path& file, SeenVersions& seen) {
    struct stat about = {};
    if (stat(file.c_str(), &about) != 0) {
      const std::error_code error(errno, std::generic_category());
      if (IsGone(error)) return absl::OkStatus();  // not registered yet, or no longer
      KeepSeen(file.parent_path(), seen);
      return absl::ErrnoToStatus(error.value(), StrCat("cannot read ", file.string()));
    }
    const Stamp stamp = {about.st_ino, about.st_mtim.tv_sec, about.st_mtim.tv_nsec, about.st_size};
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (const auto known = seen_.find(file); known != seen_.end() && known->second.stamp == stamp) {
        seen.insert(*known);
        return absl::OkStatus();
      }
    }
    absl::StatusOr<std::string> text = ReadFile(file, 64 << 20);
    if (absl::IsNotFound(text.status())) return absl::OkStatus();
    if (!text.ok()) return text.status();
    absl::StatusOr<PublishedVersion> published = ParsePublishedVersion(*text);
    if (!published.ok())
      return absl::Status(published.status().code(), StrCat(file.string(), " ", published.status().message()));
    if (Folder(published->version) != file.parent_path()) {
      return absl::DataLossError(StrCat(file.string(), " describes ", published->version.name()));
    }
    seen[file] = {stamp, *std::move(published)};
    return absl::OkStatus();
  }

  // By position; of all, or of the one with this id.
  std::map<int64_t, Model> Models(const std::string* id) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    std::map<int64_t, Model> models;
    for (const auto& [file, version] : seen_) {
      const PublishedVersion& published = version.published;
      if (id != nullptr && published.version.model != *id) continue;
      Model& model = models[published.model_position];
      model.id = published.version.model;
      model.create_time_ms = published.model_create_time_ms;
      model.versions.push_back(published.version);
    }
    for (auto& [position, model] : models) {
      std::sort(model.versions.begin(), model.versions.end(),
                [](const ModelVersion& a, const ModelVersion& b) { return a.version > b.version; });
    }
    return models;
  }

  const fs::path folder_;
  const absl::Status refusal_;
  std::mutex mutex_;
  std::condition_variable news_;
  SeenVersions seen_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<FollowedModels>> FollowedModels::Open(const fs::path& folder,
                                                                     const std::string& refusal) {
  auto models = std::make_unique<Follower>(folder, refusal);
  std::vector<ModelVersion> gone;
  // A version that cannot be read is left out, and told of by Follow; a folder that cannot is no place to serve from.
  std::error_code error;
  if (fs::directory_iterator(folder, error); error) {
    return absl::ErrnoToStatus(
        error.value(), StrCat("cannot read ", folder.string(), ": --data-dir is the folder of the server to follow"));
  }
  models->Look(gone).IgnoreError();
  return models;
}

}  // namespace fintag::server
