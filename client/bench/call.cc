#include "client/bench/call.h"

#include <utility>

namespace fintag::bench {

void Call::Start(grpc::GenericStub& stub, const std::string& method, const grpc::ByteBuffer& request,
                 absl::Duration timeout, Done done) {
  grpc::ClientContext* context = nullptr;
  {
    absl::MutexLock lock(&mutex_);
    context = &context_.emplace();
    context->set_deadline(absl::ToChronoTime(absl::Now() + timeout));
    if (cancelled_) context->TryCancel();
  }
  answer_.Clear();
  done_ = std::move(done);
  stub.UnaryCall(context, method, {}, &request, &answer_, [this](const grpc::Status& status) {
    {
      absl::MutexLock lock(&mutex_);
      context_.reset();
    }
    // `done` may start the next request here, and end the life of this call.
    const Done taken = std::exchange(done_, nullptr);
    taken(status);
  });
}

void Call::Cancel() {
  absl::MutexLock lock(&mutex_);
  cancelled_ = true;
  if (context_.has_value()) context_->TryCancel();
}

}  // namespace fintag::bench
