// What the ranks of a run tell each other beside tensors: that one was told to stop, why one failed, and after a broken
// connection who still answers. It hangs on a TCPStore; a thread of each rank looks at it a few times a second, so a
// rank answers also while it computes or waits for another.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/ranks/rank_place.h"

namespace fintag {

class RankBoard {
 public:
  // Meets the other ranks: rank 0 listens, where no agent does. UNAVAILABLE names the ranks that have not come within
  // `patience`; CANCELLED once `stop` is true. `stop` must outlive the board.
  static absl::StatusOr<std::unique_ptr<RankBoard>> Meet(const RankPlace& place, std::chrono::seconds patience,
                                                         const std::atomic<bool>& stop);
  // Says goodbye. Rank 0 stays a few seconds for those who have yet to read why the run ended.
  ~RankBoard();
  RankBoard(const RankBoard&) = delete;
  RankBoard& operator=(const RankBoard&) = delete;

  const RankPlace& place() const { return place_; }
  const c10::intrusive_ptr<c10d::Store>& store() const { return store_; }

  // True at once where this rank was told to stop, within a second where another was.
  const std::atomic<bool>& stop() const {
    if (stop_) stop_seen_ = true;
    return stop_seen_;
  }

  // Puts up why this rank ends, for the others to find; the first of a rank counts.
  void Fail(const absl::Status& status);
  // Why an operation between the ranks went wrong with `error`: what a rank put up, with its code, or UNAVAILABLE with
  // the ranks that do not answer. Takes some seconds.
  absl::Status Explain(const std::string& error);

 private:
  RankBoard(const RankPlace& place, c10::intrusive_ptr<c10d::Store> store, const std::atomic<bool>& stop);

  void Watch();
  bool Has(const std::string& key) { return store_->check({key}); }
  // Reads a status put up under `key`, if there is one.
  std::optional<absl::Status> StatusAt(const std::string& key);
  std::optional<absl::Status> FailureOfAnother();
  absl::Status CallRoll(const std::string& error);

  const RankPlace place_;
  const c10::intrusive_ptr<c10d::Store> store_;
  const std::atomic<bool>& stop_;
  mutable std::atomic<bool> stop_seen_ = false;
  std::atomic<bool> leaving_ = false;
  std::atomic<bool> failed_ = false;
  std::thread watcher_;
};

}  // namespace fintag
