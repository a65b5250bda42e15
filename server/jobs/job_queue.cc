#include "server/jobs/job_queue.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <list>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "core/text/strings.h"
#include "server/jobs/followed_job.h"
#include "server/jobs/job_folder.h"
#include "server/jobs/job_id.h"
#include "server/jobs/job_progress.h"
#include "server/jobs/job_watches.h"
#include "server/storage/folders.h"

namespace fintag::server {
namespace {

namespace fs = std::filesystem;

// A clock that nobody sets: the queue goes on at its pace whatever becomes of the time of day.
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLook(50);        // at processes and logs
constexpr std::chrono::milliseconds kIdle(1000);      // between looks while nothing runs
constexpr std::chrono::milliseconds kRetry(200);      // after an error, such as a full disk
constexpr std::chrono::milliseconds kRowCheck(1000);  // of the jobs that are watched

// A job and when it may be looked at again.
struct Place {
  FollowedJob job;
  Clock::time_point next_look = Clock::time_point::min();
};

class Queue : public JobQueue {
 public:
  Queue(std::unique_ptr<Launcher> launcher, JobSurroundings surroundings,
        std::function<void(const std::string&, const absl::Status&)> on_trouble)
      : launcher_(std::move(launcher)),
        surroundings_(std::move(surroundings)),
        on_trouble_(std::move(on_trouble)),
        progress_(surroundings_.options.folder) {
    surroundings_.on_event = [this, told = std::move(surroundings_.on_event)](const Job& job, const Event& event) {
      told(job, event);
      watches_->OnEvent(job.id, event);
    };
  }

  ~Queue() override {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stopping_ = true;
    }
    news_.notify_one();
    if (thread_.joinable()) thread_.join();
  }

  absl::Status Open() {
    if (absl::Status prepared = PrepareRoot(folder()); !prepared.ok()) return prepared;
    // A folder without a row: Create was interrupted before it answered, or Delete after its row was gone.
    absl::StatusOr<std::vector<std::string>> ids = store().Ids();
    if (!ids.ok()) return ids.status();
    if (absl::Status removed = RemoveAllBut(folder(), folder(), {ids->begin(), ids->end()}); !removed.ok()) {
      return removed;
    }
    std::map<std::string, absl::Status> unreadable;
    absl::StatusOr<std::vector<Job>> left = store().NotClosed(&unreadable);
    if (!left.ok()) return left.status();
    for (const auto& [id, status] : unreadable) Note(id, status);
    for (Job& job : *left) places_.push_back({FollowedJob(std::move(job), surroundings_)});
    thread_ = std::thread([this] { Run(); });
    return absl::OkStatus();
  }

  absl::StatusOr<Job> Create(Job job) override {
    const bool named = !job.id.empty();
    while (true) {
      if (!named) job.id = NewJobId();
      absl::StatusOr<Job> created = CreateOnce(job);
      if (!named && absl::IsAlreadyExists(created.status())) continue;  // an id in a million
      return created;
    }
  }

  absl::StatusOr<Job> Cancel(const std::string& id) override {
    while (true) {
      absl::StatusOr<Job> job = store().Get(id);
      if (!job.ok() || job->state == JobState::kCancelling) return job;
      if (IsFinal(job->state)) {
        return absl::FailedPreconditionError(
            StrCat("jobs/", id, " is ", JobStateName(job->state), " already: there is nothing to cancel"));
      }
      const bool waits = MayFollow(job->state, JobState::kCancelled);
      absl::StatusOr<Job> moved = store().Move(id, waits ? JobState::kCancelled : JobState::kCancelling);
      if (absl::IsFailedPrecondition(moved.status())) continue;  // it has just gone on to another state
      Changed(id);
      return moved;
    }
  }

  absl::Status Delete(const std::string& id) override {
    if (absl::Status deleted = store().Delete(id); !deleted.ok()) return deleted;
    progress_.Forget(id);
    Changed(id);
    return RemoveFolder(folder(), folder() / id);
  }

  absl::StatusOr<JobProgress> Progress(const std::string& id) override {
    const absl::StatusOr<Job> job = store().Get(id);
    if (!job.ok()) return job.status();
    return progress_.Read(id, job->log_closed);
  }

  absl::StatusOr<std::vector<Event>> Curve(const std::string& id, int64_t after_sequence) override {
    if (absl::StatusOr<Job> job = store().Get(id); !job.ok()) return job.status();
    return progress_.ReadCurve(id, after_sequence);
  }

  absl::StatusOr<std::unique_ptr<JobWatch>> Watch(const std::string& id, int64_t after_sequence,
                                                  std::function<void()> on_news) override {
    const absl::StatusOr<bool> closed = store().LogIsClosed(id);
    if (!closed.ok()) return closed.status();
    return watches_->Add(id, JobFolder(folder() / id).events(), *closed, after_sequence, std::move(on_news));
  }

 private:
  JobStore& store() { return surroundings_.store; }
  const fs::path& folder() const { return surroundings_.options.folder; }

  absl::StatusOr<Job> CreateOnce(const Job& job) {
    absl::StatusOr<fs::path> incoming = MakeIncoming(folder());
    if (!incoming.ok()) return incoming.status();
    // The folder first: a row always has its log.
    absl::Status made = JobFolder(*incoming).AppendState({"QUEUED", "", ""}, job.trace_id);
    if (made.ok()) made = MoveIntoPlace(*incoming, folder() / job.id);
    if (!made.ok()) {
      RemoveFolder(folder(), *incoming).IgnoreError();
      return made;
    }
    bool created = false;
    absl::StatusOr<Job> stored = store().Insert(job, created);
    if (!created) RemoveFolder(folder(), folder() / job.id).IgnoreError();
    if (created) Changed(job.id);
    return stored;
  }

  // Tells the thread of a row that another one wrote.
  void Changed(const std::string& id) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      changed_.push_back(id);
    }
    news_.notify_one();
  }

  void Run() {
    for (Place& place : places_) place.job.TakeUp();
    std::vector<std::string> changed;
    while (true) {
      const Clock::time_point now = Clock::now();
      for (Place& place : places_) Look(place, now);
      places_.remove_if([](const Place& place) { return place.job.done(); });
      StartWaiting(now);
      const bool runs =
          std::any_of(places_.begin(), places_.end(), [](const Place& place) { return !place.job.waits(); });
      {
        std::unique_lock<std::mutex> lock(mutex_);
        news_.wait_for(lock, runs ? kLook : kIdle, [this] { return !changed_.empty() || stopping_; });
        if (stopping_) return;
        changed.insert(changed.end(), changed_.begin(), changed_.end());
        changed_.clear();
      }
      ReadRows(changed);
      CheckWatched(now);
    }
  }

  // Of what befalls a job outside of its log the watchers learn here, as of a log that nobody follows any more.
  void CheckWatched(Clock::time_point now) {
    if (now < next_row_check_) return;
    next_row_check_ = now + kRowCheck;
    for (const std::string& id : watches_->ids()) watches_->OnRow(id, store().LogIsClosed(id));
  }

  void Look(Place& place, Clock::time_point now) {
    if (now < place.next_look) return;
    const absl::Status status = place.job.Advance(now);
    if (!status.ok()) place.next_look = now + kRetry;
    // Of a waiting job the look does nothing; its next step is the start.
    if (!status.ok() || !place.job.waits()) Note(place.job.job().id, status);
  }

  // Once for each change, not at each try.
  void Note(const std::string& id, const absl::Status& status) {
    absl::Status& last = troubles_[id];
    if (status != last) on_trouble_(id, status);
    last = status;
    if (status.ok()) troubles_.erase(id);
  }

  void StartWaiting(Clock::time_point now) {
    auto running = std::count_if(places_.begin(), places_.end(), [](const Place& place) { return place.job.runs(); });
    for (Place& place : places_) {
      if (running >= surroundings_.options.max_running_jobs) return;
      if (!place.job.waits() || now < place.next_look) continue;
      const absl::Status started = place.job.StartTrainer();
      if (!started.ok()) place.next_look = now + kRetry;
      Note(place.job.job().id, started);
      if (place.job.runs()) ++running;
    }
  }

  // New jobs come in, cancelled ones learn of it, deleted ones go. Leaves those in `changed` that could not be read.
  void ReadRows(std::vector<std::string>& changed) {
    absl::Status trouble;
    std::erase_if(changed, [&](const std::string& id) {
      const absl::StatusOr<Job> row = store().Get(id);
      if (absl::IsNotFound(row.status()) || (row.ok() && row->log_closed)) {
        places_.remove_if([&](const Place& place) { return place.job.job().id == id; });
        next_row_check_ = Clock::time_point::min();  // its watchers need not wait
      } else if (row.ok()) {
        Put(*row);
      } else {
        trouble = row.status();
        return false;
      }
      return true;
    });
    Note("", trouble);
  }

  void Put(const Job& row) {
    // From the end: whoever comes late is new, or was made at the same moment as another.
    auto before = places_.rbegin();
    while (before != places_.rend() && before->job.job().position > row.position) ++before;
    if (before != places_.rend() && before->job.job().position == row.position) {
      before->job.Update(row);
    } else {
      places_.insert(before.base(), {FollowedJob(row, surroundings_)});
    }
  }

  const std::unique_ptr<Launcher> launcher_;
  JobSurroundings surroundings_;
  const std::function<void(const std::string&, const absl::Status&)> on_trouble_;
  std::map<std::string, absl::Status> troubles_;  // by job, as last told; of the thread, as places_
  JobProgressReader progress_;
  const std::shared_ptr<JobWatches> watches_ = std::make_shared<JobWatches>();
  Clock::time_point next_row_check_ = Clock::time_point::min();  // of the thread
  std::list<Place> places_;  // of the thread alone once it runs; in order of their positions
  std::mutex mutex_;
  std::condition_variable news_;
  std::vector<std::string> changed_ ABSL_GUARDED_BY(mutex_);  // ids of rows
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<JobQueue>> JobQueue::Start(const JobQueueOptions& options, JobStore& store,
                                                          DatasetRegistry& datasets, ModelRegistry& models,
                                                          JobObservers observers) {
  std::error_code error;
  JobQueueOptions absolute = options;
  absolute.folder = fs::absolute(options.folder, error);
  if (error) return absl::ErrnoToStatus(error.value(), StrCat("cannot find ", options.folder.string()));
  absl::StatusOr<std::unique_ptr<Launcher>> launcher =
      MakeLauncher({options.trainer, options.limits, options.slurm, options.slurm_options},
                   {std::move(observers.on_launcher), [on_trouble = observers.on_trouble](const absl::Status& status) {
                      if (on_trouble) on_trouble("", status);
                    }});
  if (!launcher.ok()) return launcher.status();
  JobSurroundings surroundings{absolute, store, datasets, models, **launcher, std::move(observers.on_event)};
  auto queue = std::make_unique<Queue>(*std::move(launcher), std::move(surroundings), std::move(observers.on_trouble));
  if (absl::Status opened = queue->Open(); !opened.ok()) return opened;
  return queue;
}

}  // namespace fintag::server
