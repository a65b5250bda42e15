// All watchers of all jobs. What the queue reads of a log anyway is kept for a while, so that a thousand watchers of a
// job read its file only to catch up.
#pragma once

#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "core/training/event_log.h"
#include "server/jobs/job_watch.h"

namespace fintag::server {

// Safe from many threads. Lives as long as the last watch.
class JobWatches : public std::enable_shared_from_this<JobWatches> {
 public:
  // `closed`: the log is complete. `on_news` is called, from any thread, whenever Next may have something again after
  // it had nothing; it must be brief, and must not end a watch.
  std::unique_ptr<JobWatch> Add(const std::string& id, const std::filesystem::path& log, bool closed,
                                int64_t after_sequence, std::function<void()> on_news);

  // An event that was read from the log of `id`.
  void OnEvent(const std::string& id, const Event& event);
  // The watchers of `id` look into its log themselves: it may have what OnEvent was not told. `closed` is what the
  // job's row says, NOT_FOUND where there is none; another error says nothing.
  void OnRow(const std::string& id, const absl::StatusOr<bool>& closed);
  // Those that somebody watches.
  std::vector<std::string> ids() const;

 private:
  class Watch;
  struct Watched {
    std::set<Watch*> watches;
    std::deque<std::shared_ptr<const Event>> latest;  // in order, without gaps
  };
  struct Found {
    std::shared_ptr<const Event> event = nullptr;
    bool passed = false;  // it is there no longer
  };
  Found Find(const std::string& id, int64_t sequence) const;
  void Remove(const std::string& id, Watch* watch);

  mutable absl::Mutex mutex_;
  std::map<std::string, Watched> watched_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace fintag::server
