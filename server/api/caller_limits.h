// What one caller may have of the server, so that none takes it from the others: requests a second, calls at once, and
// tokens to tag a minute. What he has stored is upload_room.h's matter, his jobs are the job store's.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace fintag::server {

struct CallerLimitOptions {
  double requests_per_second = 0;  // 0: as many as one likes; a second's worth may come at once
  int32_t calls = 0;               // under way at once, streams and watches included; 0: as many as one likes
  int64_t tokens_per_minute = 0;   // WordPieces to tag; 0: as many as one likes; a minute's worth may come at once
};

// A caller is a name of the tokens or of a certificate; where callers have none, all of them are one.
class CallerLimits {
 public:
  using Clock = std::chrono::steady_clock;

  explicit CallerLimits(const CallerLimitOptions& options) : options_(options) {}

  // One call, counted for as long as it lives. `now` is for tests.
  class Place {
   public:
    Place(CallerLimits& limits, const std::string& caller, Clock::time_point now = Clock::now());
    ~Place();
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    // RESOURCE_EXHAUSTED where the caller had none left: which limit that is (ErrorInfo's metadata "limit"), and when
    // to try again (RetryInfo).
    const absl::Status& status() const { return status_; }

   private:
    CallerLimits& limits_;
    const std::string caller_;
    absl::Status status_;
  };

  // Takes `tokens` of what the caller may have tagged a minute. RESOURCE_EXHAUSTED with the limit's name and when they
  // are there, or, where they are more than a minute's worth, that they have to be fewer. `now` is for tests.
  absl::Status TakeTokens(const std::string& caller, int64_t tokens, Clock::time_point now = Clock::now());

 private:
  // What grows with time up to a most, and is taken.
  struct Allowance {
    double left = 0;                      // at `at`
    std::optional<Clock::time_point> at;  // none: it was never asked for, and is full
    void Grow(double per_second, double most, Clock::time_point now);
  };
  struct Use {
    int32_t calls = 0;
    Allowance requests;
    Allowance tokens;
  };
  absl::Status Take(const std::string& caller, Clock::time_point now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const CallerLimitOptions options_;
  absl::Mutex mutex_;
  std::map<std::string, Use> uses_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace fintag::server
