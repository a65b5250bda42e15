#include "server/api/stream_reads.h"

#include <grpc/grpc.h>

namespace fintag::server {

void StreamReads::Stop() {
  absl::MutexLock lock(&mutex_);
  stopped_ = true;
  for (grpc::ServerContext* context : waiting_) {
    // ServerContext::TryCancel would tell the client CANCELLED, as if it were its own doing.
    grpc_call_cancel_with_status(context->c_call(), GRPC_STATUS_UNAVAILABLE, "the server is stopping", nullptr);
  }
}

bool StreamReads::Begin(grpc::ServerContext& context) {
  absl::MutexLock lock(&mutex_);
  return !stopped_ && waiting_.insert(&context).second;
}

void StreamReads::End(grpc::ServerContext& context) {
  absl::MutexLock lock(&mutex_);
  waiting_.erase(&context);
}

}  // namespace fintag::server
