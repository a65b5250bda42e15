// How many calls may be under way at once. Those beyond are refused as a full queue refuses: with the time after which
// to try again, counted and logged as any other call.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace fintag::server {

class CallLimit {
 public:
  // `calls` is what a refusal calls them: "calls", "watches".
  CallLimit(int32_t most, std::string calls) : most_(most), calls_(std::move(calls)) {}

  // Counted for as long as it lives.
  class Place {
   public:
    explicit Place(CallLimit& limit) : limit_(limit), number_(++limit.taken_) {}
    ~Place() { --limit_.taken_; }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    // RESOURCE_EXHAUSTED where there was none left.
    absl::Status status() const;

   private:
    CallLimit& limit_;
    const int32_t number_;
  };

 private:
  const int32_t most_;
  const std::string calls_;
  std::atomic<int32_t> taken_ = 0;
};

}  // namespace fintag::server
