#include "server/jobs/job.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace fintag::server {
namespace {

using enum JobState;

constexpr JobState kAll[] = {kQueued,     kValidating, kRunning,   kPausing, kPaused,
                             kCancelling, kCancelled,  kSucceeded, kFailed};

TEST(Job, LifeCycleHasTheseArrowsAndNoOthers) {
  const std::map<JobState, std::set<JobState>> arrows = {
      {kQueued, {kValidating, kCancelled}},
      {kValidating, {kRunning, kCancelling, kFailed}},
      {kRunning, {kPausing, kCancelling, kSucceeded, kFailed}},
      {kPausing, {kPaused, kCancelling, kSucceeded, kFailed}},
      {kPaused, {kQueued, kCancelled}},
      {kCancelling, {kCancelled, kFailed}},
      {kCancelled, {}},
      {kSucceeded, {}},
      {kFailed, {}},
  };
  for (const JobState from : kAll) {
    for (const JobState to : kAll) {
      EXPECT_EQ(MayFollow(from, to), arrows.at(from).contains(to)) << JobStateName(from) << " " << JobStateName(to);
    }
  }
}

TEST(Job, EveryStateEndsInAFinalOneAndFinalOnesEndThere) {
  for (const JobState state : kAll) {
    std::set<JobState> reached = {state};
    bool grown = true;
    while (grown) {
      grown = false;
      for (const JobState from : kAll) {
        for (const JobState to : kAll) {
          if (reached.contains(from) && MayFollow(from, to)) grown |= reached.insert(to).second;
        }
      }
    }
    EXPECT_TRUE(IsFinal(state) ? reached.size() == 1 : reached.contains(kCancelled)) << JobStateName(state);
  }
}

TEST(Job, NamesAreReadBack) {
  std::set<std::string_view> names;
  for (const JobState state : kAll) {
    EXPECT_EQ(JobStateFromName(JobStateName(state)), state);
    names.insert(JobStateName(state));
  }
  EXPECT_EQ(names.size(), 9u);
  EXPECT_EQ(JobStateName(kCancelling), "CANCELLING");
}

}  // namespace
}  // namespace fintag::server
