#include "server/jobs/slurm_launcher.h"

#include <algorithm>
#include <condition_variable>
#include <list>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/ascii.h"
#include "absl/time/time.h"
#include "core/text/strings.h"
#include "core/training/file_io.h"
#include "server/jobs/command.h"
#include "server/jobs/slurm_answers.h"
#include "server/jobs/slurm_commands.h"
#include "server/jobs/slurm_script.h"

namespace fintag::server {
namespace {

namespace fs = std::filesystem;

constexpr absl::Duration kRound = absl::Seconds(1);  // between looks at the jobs
constexpr absl::Duration kRetry = absl::Seconds(3);  // after Slurm did not answer

// A submission and what is known of it. The launcher's thread and the run's owner share it.
struct Submission {
  // Of the thread alone, after it was made.
  fs::path folder;
  SlurmNote note;
  std::string told;  // state, as the observer knows it
  bool told_to_stop = false;

  std::mutex mutex;
  bool stop ABSL_GUARDED_BY(mutex) = false;
  bool kill ABSL_GUARDED_BY(mutex) = false;
  bool dropped ABSL_GUARDED_BY(mutex) = false;  // nobody asks any more
  std::optional<WorkerExit> exit ABSL_GUARDED_BY(mutex);
};

class SlurmRun final : public TrainerRun {
 public:
  SlurmRun(std::shared_ptr<Submission> submission, std::function<void()> wake)
      : submission_(std::move(submission)), wake_(std::move(wake)) {}
  ~SlurmRun() override {
    const std::lock_guard<std::mutex> lock(submission_->mutex);
    submission_->dropped = true;
  }

  absl::StatusOr<std::optional<WorkerExit>> Poll() override {
    const std::lock_guard<std::mutex> lock(submission_->mutex);
    return submission_->exit;
  }
  void Terminate() override { Ask(&Submission::stop); }
  void Kill() override { Ask(&Submission::kill); }

 private:
  void Ask(bool Submission::*wish) {
    {
      const std::lock_guard<std::mutex> lock(submission_->mutex);
      if (std::exchange((*submission_).*wish, true)) return;
    }
    wake_();
  }

  const std::shared_ptr<Submission> submission_;
  const std::function<void()> wake_;
};

fs::path NoteFile(const fs::path& folder) { return folder / "slurm.job"; }

SlurmNote ReadNote(const fs::path& folder) {
  const absl::StatusOr<std::string> text = ReadFile(NoteFile(folder), 4096);
  return text.ok() ? ParseSlurmNote(*text) : SlurmNote();
}

class Slurm final : public Launcher {
 public:
  Slurm(const LauncherOptions& options, LauncherObservers observers)
      : slurm_(options, [this] { return Stopping(); }), observers_(std::move(observers)) {
    thread_ = std::thread([this] { Run(); });
  }

  ~Slurm() override {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stopping_ = true;
    }
    news_.notify_one();
    thread_.join();
  }

  absl::StatusOr<std::unique_ptr<TrainerRun>> Start(const fs::path& folder) override {
    std::error_code error;
    const fs::path place = fs::canonical(folder, error);
    if (error) return absl::ErrnoToStatus(error.value(), StrCat("cannot find ", folder.string()));
    const SlurmNote note = {NextSlurmName(place.filename().string(), ReadNote(place).name), ""};
    if (absl::Status noted = ReplaceFile(NoteFile(place), SlurmNoteText(note)); !noted.ok()) return noted;
    return Follow(place, note);
  }

  std::unique_ptr<TrainerRun> Find(const fs::path& folder) override {
    std::error_code error;
    const fs::path place = fs::canonical(folder, error);
    SlurmNote note = ReadNote(place);
    // It may have been started here before the server was told to use Slurm.
    if (error || note.name.empty()) return WorkerProcess::Find(folder);
    return Follow(place, std::move(note));
  }

 private:
  std::unique_ptr<TrainerRun> Follow(const fs::path& folder, SlurmNote note) {
    auto submission = std::make_shared<Submission>();
    submission->folder = folder;
    submission->note = std::move(note);
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      submissions_.push_back(submission);
    }
    Wake();
    return std::make_unique<SlurmRun>(std::move(submission), [this] { Wake(); });
  }

  void Wake() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      woken_ = true;
    }
    news_.notify_one();
  }

  bool Stopping() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return stopping_;
  }

  void Run() {
    while (true) {
      std::list<std::shared_ptr<Submission>> followed;
      {
        const std::lock_guard<std::mutex> lock(mutex_);
        submissions_.remove_if([](const std::shared_ptr<Submission>& submission) {
          const std::lock_guard<std::mutex> submission_lock(submission->mutex);
          return submission->dropped || submission->exit.has_value();
        });
        followed = submissions_;
      }
      absl::Status status;
      if (!followed.empty()) {
        status = LookAt(followed);
        if (Stopping()) return;
        Tell(status);
      }
      std::unique_lock<std::mutex> lock(mutex_);
      // While Slurm does not answer, nothing wakes it but the end.
      news_.wait_for(lock, absl::ToChronoMilliseconds(status.ok() ? kRound : kRetry),
                     [&] { return stopping_ || (woken_ && status.ok()); });
      if (stopping_) return;
      woken_ = false;
    }
  }

  // Once for each change, not at each try.
  void Tell(const absl::Status& status) {
    if (status != trouble_ && observers_.on_trouble) observers_.on_trouble(status);
    trouble_ = status;
  }

  absl::Status LookAt(const std::list<std::shared_ptr<Submission>>& followed) {
    const absl::StatusOr<std::vector<SlurmListing>> jobs = slurm_.List();
    if (!jobs.ok()) return jobs.status();
    // All of them, whatever is wrong with one. What is to be submitted comes last: sbatch may take all its time.
    std::vector<Submission*> waiting;
    absl::Status first;
    for (const std::shared_ptr<Submission>& submission : followed) {
      first.Update(LookAt(*submission, *jobs));
      if (submission->note.id.empty() && !Withdraw(*submission)) waiting.push_back(submission.get());
    }
    for (Submission* submission : waiting) {
      if (Stopping()) break;
      const absl::Status submitted = Submit(*submission);
      first.Update(submitted);
      // An sbatch that gives no number to one has none for the next.
      if (!submitted.ok() && submission->note.id.empty()) break;
    }
    return first;
  }

  absl::Status LookAt(Submission& submission, const std::vector<SlurmListing>& jobs) {
    // By its folder too: in a copy of a data folder the number is that of the other's job.
    const auto is_it = [&](const SlurmListing& job) {
      return (submission.note.id.empty() || job.id == submission.note.id) && job.name == submission.note.name &&
             job.folder == submission.folder;
    };
    const auto found = std::find_if(jobs.begin(), jobs.end(), is_it);
    if (submission.note.id.empty()) {
      // Where sbatch got through twice, the one that works; it may have ended and be forgotten by Slurm already.
      if (const std::string holder = Holder(submission); !holder.empty()) return Note(submission, holder);
      return found == jobs.end() ? absl::OkStatus() : Note(submission, found->id);
    }
    if (found == jobs.end() || IsSlurmEnd(found->state)) {
      // An sbatch that was given up may have got through all the same, and its job be the one that works.
      if (const std::string holder = Holder(submission); !holder.empty() && holder != submission.note.id) {
        submission.told_to_stop = false;
        return Note(submission, holder);
      }
    }
    if (found == jobs.end()) return End(submission, WorkerExit());  // Slurm has forgotten it
    if (IsSlurmEnd(found->state)) return ReadEnd(submission);
    ShowState(submission, *found);
    return Signal(submission, found->state);
  }

  // The number of the job that took the submission's place, if one has begun.
  static std::string Holder(const Submission& submission) {
    const absl::StatusOr<std::string> text = ReadFile(submission.folder / (submission.note.name + ".place"), 4096);
    return text.ok() ? std::string(absl::StripAsciiWhitespace(*text)) : "";
  }

  absl::Status Note(Submission& submission, const std::string& id) {
    submission.note.id = id;
    return ReplaceFile(NoteFile(submission.folder), SlurmNoteText(submission.note));
  }

  // Whether its owner wants it no longer: then that is its end.
  static bool Withdraw(Submission& submission) {
    const std::lock_guard<std::mutex> lock(submission.mutex);
    if (!submission.stop && !submission.kill) return false;
    // Should sbatch have got through without our knowing, the script does nothing without the note.
    std::error_code error;
    fs::remove(NoteFile(submission.folder), error);
    submission.exit = WorkerExit{.reason = "cancelled before it was submitted to Slurm"};
    return true;
  }

  absl::Status Submit(Submission& submission) {
    if (Withdraw(submission)) return absl::OkStatus();
    const absl::StatusOr<std::string> id = slurm_.Submit(submission.folder, submission.note.name);
    if (id.ok()) {
      // The job of an sbatch before this one may run by now.
      const std::string holder = Holder(submission);
      return Note(submission, holder.empty() ? *id : holder);
    }
    if (!absl::IsInvalidArgument(id.status())) return id.status();
    const std::lock_guard<std::mutex> lock(submission.mutex);
    submission.exit = WorkerExit{.reason = StrCat("Slurm does not take the job: ", id.status().message())};
    return absl::OkStatus();
  }

  absl::Status ReadEnd(Submission& submission) {
    const absl::StatusOr<WorkerExit> exit = slurm_.ReadEnd(submission.note.id);
    return exit.ok() ? End(submission, *exit) : exit.status();
  }

  absl::Status End(Submission& submission, const WorkerExit& exit) {
    ShowState(submission, {submission.note.id, "ended", exit.Describe(), "", ""});
    const std::lock_guard<std::mutex> lock(submission.mutex);
    submission.exit = exit;
    return absl::OkStatus();
  }

  void ShowState(Submission& submission, const SlurmListing& job) {
    std::string state = StrCat("Slurm job ", job.id, " ", job.state);
    if (!job.reason.empty() && job.reason != "None") state += StrCat(" (", job.reason, ")");
    if (state == submission.told) return;
    submission.told = state;
    if (observers_.on_state) observers_.on_state(submission.folder.filename().string(), state);
  }

  // What its owner wishes. One that waits has nobody to stop: it is taken out of the queue.
  absl::Status Signal(Submission& submission, const std::string& state) {
    bool stop = false, kill = false;
    {
      const std::lock_guard<std::mutex> lock(submission.mutex);
      stop = submission.stop;
      kill = submission.kill;
    }
    if (!stop && !kill) return absl::OkStatus();
    if (!kill && state != "PENDING" && submission.told_to_stop) return absl::OkStatus();
    const char* how = state == "PENDING" ? "--state=PENDING" : kill ? "--signal=KILL" : "--signal=TERM";
    absl::Status sent = slurm_.Cancel(submission.note.id, how);
    submission.told_to_stop = sent.ok() && state != "PENDING";
    return sent;
  }

  const SlurmCommands slurm_;
  const LauncherObservers observers_;
  absl::Status trouble_;  // as last told; of the thread
  std::mutex mutex_;
  std::condition_variable news_;
  std::list<std::shared_ptr<Submission>> submissions_ ABSL_GUARDED_BY(mutex_);
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Launcher>> SlurmLauncher::Create(const LauncherOptions& options,
                                                                LauncherObservers observers) {
  for (const char* program : {"sbatch", "squeue", "scontrol", "scancel"}) {
    if (!IsInPath(program)) {
      return absl::FailedPreconditionError(
          StrCat("--launcher slurm needs Slurm's commands: there is no ", program, " in PATH"));
    }
  }
  std::error_code error;
  LauncherOptions absolute = options;
  absolute.trainer = fs::absolute(options.trainer, error);
  if (error) return absl::ErrnoToStatus(error.value(), StrCat("cannot find ", options.trainer.string()));
  return std::make_unique<Slurm>(absolute, std::move(observers));
}

}  // namespace fintag::server
