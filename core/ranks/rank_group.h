// The processes of a distributed run as one group: sums, broadcasts and short texts between them (c10d: Gloo over a
// TCPStore). All ranks call the same functions in the same order. Every function that waits for others answers with
// UNAVAILABLE "rank 1 of 2 was lost: ..." within seconds after a rank's process has ended, with the reason that a
// failed rank gave, and after five minutes in which a rank is not heard of.
#pragma once

#include <ATen/ATen.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/ranks/rank_place.h"

namespace fintag {

class RankGroup {
 public:
  // Meets the other ranks of `place` (distributed()). UNAVAILABLE names those who do not come within `patience`;
  // CANCELLED once `stop` is true, which must outlive the group. The process ignores SIGPIPE from then on.
  static absl::StatusOr<std::unique_ptr<RankGroup>> Connect(const RankPlace& place, const std::atomic<bool>& stop,
                                                            std::chrono::seconds patience = std::chrono::minutes(5));
  virtual ~RankGroup() = default;

  virtual const RankPlace& place() const = 0;
  // True at once where this rank was told to stop, within a second where another was: to end long work early. What all
  // ranks must decide alike is to be summed first.
  virtual const std::atomic<bool>& stop() const = 0;

  // The sum of `tensor` (on the CPU, contiguous) over the ranks takes its place; the bits are the same at all ranks.
  absl::Status Sum(const at::Tensor& tensor) { return StartSum(tensor)(); }
  // Alike, in the background: `tensor` is to be left alone until the function returned was called. It waits.
  using Waiting = std::function<absl::Status()>;
  virtual Waiting StartSum(const at::Tensor& tensor) = 0;
  // What each rank gives, by rank.
  virtual absl::StatusOr<std::vector<std::string>> Gather(const std::string& value) = 0;
  // Rank 0's bytes take the place of the others'.
  virtual absl::Status Broadcast(std::string& bytes) = 0;

  // Tells the others why this rank is about to end.
  virtual void Fail(const absl::Status& status) = 0;
};

}  // namespace fintag
