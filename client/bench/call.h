// One place for a request under way, used again for the next.
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>

#include <functional>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace fintag::bench {

class Call {
 public:
  using Done = std::function<void(const grpc::Status&)>;

  // Sends `request`, which must live until it is answered, and returns at once. `done` runs once, on a thread of gRPC;
  // from there the next may be started. None may be under way.
  void Start(grpc::GenericStub& stub, const std::string& method, const grpc::ByteBuffer& request,
             absl::Duration timeout, Done done);

  // From any thread: ends the request under way, and every later one, with CANCELLED.
  void Cancel();

 private:
  absl::Mutex mutex_;
  // A context serves one request.
  std::optional<grpc::ClientContext> context_ ABSL_GUARDED_BY(mutex_);
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  // Never looked at: of an answer, only its status counts.
  grpc::ByteBuffer answer_;
  Done done_;
};

}  // namespace fintag::bench
