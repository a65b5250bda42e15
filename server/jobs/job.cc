#include "server/jobs/job.h"

#include <algorithm>
#include <array>
#include <initializer_list>

namespace fintag::server {
namespace {

constexpr std::array<std::string_view, 9> kNames = {"QUEUED",     "VALIDATING", "RUNNING",   "PAUSING", "PAUSED",
                                                    "CANCELLING", "CANCELLED",  "SUCCEEDED", "FAILED"};

}  // namespace

std::string_view JobStateName(JobState state) { return kNames[static_cast<size_t>(state)]; }

JobState JobStateFromName(std::string_view name) {
  const auto* const found = std::find(kNames.begin(), kNames.end(), name);
  // The store writes no other names; an unknown one must not be run again.
  return found == kNames.end() ? JobState::kFailed : static_cast<JobState>(found - kNames.begin());
}

bool IsFinal(JobState state) {
  return state == JobState::kCancelled || state == JobState::kSucceeded || state == JobState::kFailed;
}

bool MayFollow(JobState from, JobState to) {
  using enum JobState;
  const auto to_one_of = [to](std::initializer_list<JobState> states) {
    return std::find(states.begin(), states.end(), to) != states.end();
  };
  switch (from) {
    case kQueued:
      return to_one_of({kValidating, kCancelled});
    case kValidating:
      return to_one_of({kRunning, kCancelling, kFailed});
    case kRunning:
      return to_one_of({kPausing, kCancelling, kSucceeded, kFailed});
    case kPausing:  // the trainer may end before it has paused
      return to_one_of({kPaused, kCancelling, kSucceeded, kFailed});
    case kPaused:  // it waits its turn again
      return to_one_of({kQueued, kCancelled});
    case kCancelling:  // FAILED: what it had made could not be stored
      return to_one_of({kCancelled, kFailed});
    case kCancelled:
    case kSucceeded:
    case kFailed:
      return false;
  }
  return false;
}

}  // namespace fintag::server
