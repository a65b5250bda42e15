#include "server/jobs/job_progress.h"

#include <algorithm>
#include <vector>

#include "server/jobs/job_folder.h"

namespace fintag::server {
namespace {

constexpr size_t kMostEntries = 256;

}  // namespace

std::shared_ptr<JobProgressReader::Entry> JobProgressReader::Find(const std::string& id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::shared_ptr<Entry>& entry = entries_[id];
  if (entry == nullptr) entry = std::make_shared<Entry>();
  entry->used = ++uses_;
  std::shared_ptr<Entry> found = entry;
  if (entries_.size() > kMostEntries) {
    entries_.erase(std::min_element(entries_.begin(), entries_.end(),
                                    [](const auto& a, const auto& b) { return a.second->used < b.second->used; }));
  }
  return found;
}

absl::Status JobProgressReader::Update(const std::string& id, Entry& entry) const {
  if (entry.history.final_state) return absl::OkStatus();
  if (entry.reader == nullptr) entry.reader = EventLogReader::Open(JobFolder(folder_ / id).events());
  std::vector<Event> events;
  absl::Status read;
  do {
    events.clear();
    read = entry.reader->ReadNew(events);
    for (const Event& event : events) entry.history.Add(event);
  } while (read.ok() && !events.empty());
  // A damaged log does not hide the job: its row says what became of it.
  if (!read.ok() && !absl::IsDataLoss(read)) return read;
  if (entry.history.final_state) entry.reader.reset();
  return absl::OkStatus();
}

absl::StatusOr<JobProgress> JobProgressReader::Read(const std::string& id, bool closed) {
  const std::shared_ptr<Entry> entry = Find(id);
  const std::lock_guard<std::mutex> lock(entry->mutex);
  if (closed && entry->history.progress.last_sequence == 0 && !entry->sum) {
    if (absl::StatusOr<JobProgress> sum = JobFolder(folder_ / id).ReadProgress(); sum.ok())
      entry->sum = *std::move(sum);
  }
  if (entry->sum) return *entry->sum;
  if (absl::Status updated = Update(id, *entry); !updated.ok()) return updated;
  return entry->history.progress;
}

absl::StatusOr<std::vector<Event>> JobProgressReader::ReadCurve(const std::string& id, int64_t after_sequence) {
  const std::shared_ptr<Entry> entry = Find(id);
  const std::lock_guard<std::mutex> lock(entry->mutex);
  if (absl::Status updated = Update(id, *entry); !updated.ok()) return updated;
  return entry->history.curve.After(after_sequence);
}

void JobProgressReader::Forget(const std::string& id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  entries_.erase(id);
}

}  // namespace fintag::server
