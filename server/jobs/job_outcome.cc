#include "server/jobs/job_outcome.h"

#include <signal.h>

#include "core/text/strings.h"

namespace fintag::server {
namespace {

std::string FailureReason(const JobHistory& history, const TrainerEnd& end) {
  if (!end.launch_error.empty()) return end.launch_error;
  if (history.failed) return history.failed->reason;
  if (end.restored) return "it was running when the backup was made that the server was restored from: submit it again";
  std::string reason;
  if (!end.exit) {
    reason = "the trainer ended without a result while the server was not running";
  } else if (end.exit->reason.empty() && end.exit->signal == 0 && end.exit->exit_code < 0) {
    reason = "the trainer ended without a result";
  } else {
    reason = end.exit->Describe();
    if (end.exit->signal == SIGKILL) {
      reason += "; if nobody sent it, the machine was out of memory: try a smaller batch";
    }
  }
  if (!end.output.empty()) reason += StrCat("; its last output:\n", end.output);
  return reason;
}

}  // namespace

JobOutcome JudgeOutcome(const Job& job, const JobHistory& history, const TrainerEnd& end) {
  JobOutcome outcome;
  const bool stopped = history.finished && history.finished->cancelled;
  // Told to stop by a scheduler that needed its place: lost, though it stopped in good order.
  const bool taken_away = end.exit && end.exit->taken_away;
  // A trainer that was told to stop by somebody else (a shutdown of the machine) counts as cancelled too.
  if (job.state == JobState::kCancelling || (stopped && !taken_away)) {
    outcome.state = JobState::kCancelled;
    outcome.kept = history.KeptEpoch(job.options.keep);
    // Killed after it wrote its first checkpoint, before it could tell.
    if (outcome.kept == nullptr && end.recorded) outcome.kept = &*end.recorded;
  } else if (history.finished && !stopped) {
    outcome.state = JobState::kSucceeded;
    outcome.kept = history.KeptEpoch(job.options.keep);
    if (outcome.kept == nullptr) {
      outcome.state = JobState::kFailed;
      outcome.reason = StrCat("the trainer kept epoch ", history.finished->kept_epoch, ", which it did not report");
    }
  } else {
    outcome.reason = FailureReason(history, end);
    // UNAVAILABLE: one of several trainers of the job was lost. A restored job may have been finished where it was.
    outcome.lost =
        !end.restored && end.launch_error.empty() && (!history.failed || history.failed->code == "UNAVAILABLE");
  }
  return outcome;
}

}  // namespace fintag::server
