// Reads of the streams that have no end of their own. Their clients may be silent for hours, so a server that stops
// ends the reads that wait, where a call that works is left to end by itself.
#pragma once

#include <grpcpp/grpcpp.h>

#include <set>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace fintag::server {

class StreamReads {
 public:
  // As stream.Read(&request); false also once the server stops.
  template <typename Stream, typename Request>
  bool Read(grpc::ServerContext& context, Stream& stream, Request& request) {
    if (!Begin(context)) return false;
    const bool read = stream.Read(&request);
    End(context);
    return read;
  }

  // Ends the calls whose reads wait, with UNAVAILABLE; every later Read is false.
  void Stop();

 private:
  bool Begin(grpc::ServerContext& context);
  void End(grpc::ServerContext& context);

  absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<grpc::ServerContext*> waiting_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace fintag::server
