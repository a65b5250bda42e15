// The channel behind a Client: deadlines, retries with back-off, cancellation, and the way from grpc::Status to
// absl::Status. Not part of the library's interface.
#pragma once

#include <fintag/v1/admin.grpc.pb.h>
#include <fintag/v1/dataset.grpc.pb.h>
#include <fintag/v1/model.grpc.pb.h>
#include <fintag/v1/tagging.grpc.pb.h>
#include <fintag/v1/training.grpc.pb.h>
#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "client/client.h"

namespace fintag::client {

// With the server's details as payloads. A status that the channel made itself is marked as connection trouble.
absl::Status FromGrpc(const grpc::Status& status);

// The details of google.rpc that came with an error, as its payloads.
void AddDetails(const google::protobuf::RepeatedPtrField<google::protobuf::Any>& details, absl::Status& status);

// "fin" and "datasets/fin" are both "datasets/fin".
std::string FullName(const std::string& collection, const std::string& name);
// The reverse: the id alone.
std::string IdOf(const std::string& collection, const std::string& name);

// Grows from 0.1 to 2 s, with a fifth of chance so that many clients do not come back together.
class Backoff {
 public:
  // Longer where the server says so in `reason` (RetryInfo).
  absl::Duration Next(const absl::Status& reason);

 private:
  absl::Duration base_ = absl::Milliseconds(100);
};

enum class Repeat {
  kNever,        // doing it twice is not the same as once
  kUnavailable,  // safe to repeat
  kFull,         // also while the server is full
};
// Whether a call that failed with `status` is worth another try. RESOURCE_EXHAUSTED is, where the server says when.
bool MayRepeat(const absl::Status& status, Repeat repeat);

class Connection {
 public:
  // As MakeChannel. Nothing is sent yet.
  static absl::StatusOr<std::shared_ptr<Connection>> Open(const Options& options);

  const Options options;
  const std::shared_ptr<grpc::Channel> channel;
  const std::unique_ptr<fintag::v1::DatasetService::Stub> datasets;
  const std::unique_ptr<fintag::v1::ModelService::Stub> models;
  const std::unique_ptr<fintag::v1::TrainingService::Stub> training;
  const std::unique_ptr<fintag::v1::TaggingService::Stub> tagging;
  const std::unique_ptr<fintag::v1::AdminService::Stub> admin;

  // Runs `call` until it succeeds, may not be repeated or `timeout` is over, each time with a fresh context that
  // carries the deadline.
  absl::Status Run(absl::Duration timeout, Repeat repeat,
                   const std::function<absl::Status(grpc::ClientContext&)>& call);

  // Tells options.on_retry and waits. `reason`, at once, if that would pass `until`; CANCELLED if the client was.
  absl::Status WaitToRetry(const absl::Status& reason, Backoff& backoff, absl::Time until);

  void CancelAll();
  bool cancelled() const;

 private:
  friend class ActiveCall;
  Connection(const Options& options, std::shared_ptr<grpc::Channel> channel);

  mutable absl::Mutex mutex_;
  std::set<grpc::ClientContext*> active_ ABSL_GUARDED_BY(mutex_);
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
};

// A context that CancelAll reaches for as long as this lives.
class ActiveCall {
 public:
  explicit ActiveCall(Connection& connection);
  ~ActiveCall();
  ActiveCall(const ActiveCall&) = delete;
  ActiveCall& operator=(const ActiveCall&) = delete;

  grpc::ClientContext context;

 private:
  Connection& connection_;
};

}  // namespace fintag::client
