#include "server/jobs/job_watches.h"

#include <atomic>
#include <utility>

#include "core/text/strings.h"

namespace fintag::server {
namespace {

constexpr size_t kLatest = 256;  // events of a job

}  // namespace

class JobWatches::Watch final : public JobWatch {
 public:
  Watch(std::shared_ptr<JobWatches> all, std::string id, const std::filesystem::path& log, bool closed,
        int64_t after_sequence, std::function<void()> on_news)
      : all_(std::move(all)),
        id_(std::move(id)),
        after_(after_sequence),
        reader_(EventLogReader::Open(log)),
        on_news_(std::move(on_news)),
        closed_(closed) {}
  ~Watch() override { all_->Remove(id_, this); }

  absl::StatusOr<std::shared_ptr<const Event>> Next() override {
    while (!ended_) {
      absl::StatusOr<std::shared_ptr<const Event>> found = Find();
      if (!found.ok() || *found == nullptr) return found;
      const Event& event = **found;
      last_ = event.sequence;
      const auto* state = std::get_if<StateChanged>(&event.what);
      ended_ = state != nullptr && IsFinalState(state->state) && last_ >= after_;
      if (last_ > after_) return found;
    }
    return nullptr;
  }

  bool ended() const override { return ended_; }

  // Before on_news.
  void OnRow(const absl::StatusOr<bool>& closed) {
    if (absl::IsNotFound(closed.status())) deleted_ = true;
    if (closed.ok() && *closed) closed_ = true;
    look_ = true;
  }
  void OnNews() const { on_news_(); }

 private:
  // The event after last_.
  absl::StatusOr<std::shared_ptr<const Event>> Find() {
    while (true) {
      while (next_ < read_.size() && read_[next_].sequence <= last_) ++next_;
      if (next_ < read_.size()) return std::make_shared<const Event>(std::move(read_[next_++]));
      Found found = all_->Find(id_, last_ + 1);
      if (found.event != nullptr) return std::move(found.event);
      // Asked before the file is read: what comes after that is news.
      if (!look_.exchange(false) && !found.passed) return nullptr;
      const bool closed = closed_;
      const bool deleted = deleted_;
      read_.clear();
      next_ = 0;
      const absl::Status status = reader_->ReadNew(read_);
      if (!read_.empty()) {
        look_ = true;  // until a call reads nothing
        continue;
      }
      if (!status.ok()) return status;
      if (last_ < after_) {
        return absl::OutOfRangeError(StrCat("jobs/", id_, " has no event ", after_, " yet: its last one is ", last_));
      }
      if (deleted) return absl::NotFoundError(StrCat("there is no jobs/", id_, " any more"));
      ended_ = closed;  // a log that was taken away ends without the final event
      return nullptr;
    }
  }

  const std::shared_ptr<JobWatches> all_;
  const std::string id_;
  const int64_t after_;
  const std::unique_ptr<EventLogReader> reader_;
  const std::function<void()> on_news_;
  std::vector<Event> read_;  // from the file; those before next_ are taken
  size_t next_ = 0;
  int64_t last_ = 0;
  bool ended_ = false;
  std::atomic<bool> look_ = true;  // into the file
  std::atomic<bool> closed_;
  std::atomic<bool> deleted_ = false;
};

std::unique_ptr<JobWatch> JobWatches::Add(const std::string& id, const std::filesystem::path& log, bool closed,
                                          int64_t after_sequence, std::function<void()> on_news) {
  auto watch = std::make_unique<Watch>(shared_from_this(), id, log, closed, after_sequence, std::move(on_news));
  const absl::MutexLock lock(&mutex_);
  watched_[id].watches.insert(watch.get());
  return watch;
}

void JobWatches::Remove(const std::string& id, Watch* watch) {
  const absl::MutexLock lock(&mutex_);
  const auto watched = watched_.find(id);
  if (watched == watched_.end()) return;
  watched->second.watches.erase(watch);
  if (watched->second.watches.empty()) watched_.erase(watched);
}

void JobWatches::OnEvent(const std::string& id, const Event& event) {
  const absl::MutexLock lock(&mutex_);
  const auto watched = watched_.find(id);
  if (watched == watched_.end()) return;
  auto& [watches, latest] = watched->second;
  if (!latest.empty() && event.sequence != latest.back()->sequence + 1) latest.clear();
  latest.push_back(std::make_shared<const Event>(event));
  if (latest.size() > kLatest) latest.pop_front();
  for (const Watch* watch : watches) watch->OnNews();
}

void JobWatches::OnRow(const std::string& id, const absl::StatusOr<bool>& closed) {
  const absl::MutexLock lock(&mutex_);
  const auto watched = watched_.find(id);
  if (watched == watched_.end()) return;
  for (Watch* watch : watched->second.watches) {
    watch->OnRow(closed);
    watch->OnNews();
  }
}

std::vector<std::string> JobWatches::ids() const {
  const absl::MutexLock lock(&mutex_);
  std::vector<std::string> ids;
  for (const auto& [id, watched] : watched_) ids.push_back(id);
  return ids;
}

JobWatches::Found JobWatches::Find(const std::string& id, int64_t sequence) const {
  const absl::MutexLock lock(&mutex_);
  const auto watched = watched_.find(id);
  if (watched == watched_.end() || watched->second.latest.empty()) return {};
  const auto& latest = watched->second.latest;
  const int64_t first = latest.front()->sequence;
  if (sequence < first) return {.passed = true};
  if (sequence > latest.back()->sequence) return {};
  return {.event = latest[static_cast<size_t>(sequence - first)]};
}

}  // namespace fintag::server
