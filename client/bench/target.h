// The connections to the server that is measured.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/generic/generic_stub.h>

#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/bench/options.h"

namespace fintag::bench {

class Target {
 public:
  // As client::MakeChannel.
  static absl::StatusOr<Target> Open(const Options& options);

  // Opens the connections before the load comes, and waits for them. UNAVAILABLE if they do not all stand within
  // `timeout`, CANCELLED as soon as `stopped` says so.
  absl::Status Connect(absl::Duration timeout, const std::function<bool()>& stopped);

  // That of caller or request `number`: the connections are used in turn. Safe to use from many threads.
  grpc::GenericStub& Stub(size_t number) { return *stubs_[number % stubs_.size()]; }

 private:
  std::vector<std::shared_ptr<grpc::Channel>> channels_;
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs_;
};

}  // namespace fintag::bench
