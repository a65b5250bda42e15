// The answers to WatchJob. A watch waits for most of its life, so it has no thread of its own: one thread takes what is
// new for all of them, and gRPC's threads send it.
#pragma once

#include <fintag/v1/training.grpc.pb.h>

#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/api/call.h"
#include "server/jobs/job_queue.h"
#include "server/jobs/job_store.h"

namespace fintag::server {

class WatchStreams {
 public:
  WatchStreams(const CallEnvironment& environment, JobStore& store, JobQueue& queue, int32_t max_watchers);
  // After the gRPC server has ended, which waits for the streams: they end once the environment says `stopping`.
  ~WatchStreams();

  // For gRPC: what answers a call of WatchJob. `context` and `request` live until the stream's OnDone.
  grpc::ServerWriteReactor<fintag::v1::JobEvent>* Open(grpc::CallbackServerContext& context,
                                                       const fintag::v1::WatchJobRequest& request);

 private:
  class Stream;

  void Run();
  // The thread is to look after `stream`. From any thread.
  void Wake(Stream& stream);
  void Remove(Stream& stream);

  const CallEnvironment environment_;
  JobStore& store_;
  JobQueue& queue_;
  CallLimit watches_;  // their own, so that they leave the other calls their places
  absl::Mutex mutex_;
  std::map<Stream*, std::unique_ptr<Stream>> open_ ABSL_GUARDED_BY(mutex_);
  std::vector<Stream*> awake_ ABSL_GUARDED_BY(mutex_);  // each once
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace fintag::server
