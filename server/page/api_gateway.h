// The page's JSON: the API's own messages, asked for in this process. What the API checks, limits, counts and logs, it
// does for the page too; a request's Authorization goes along, so the page may do what its user may, and its
// traceparent, which the answer has too, as a header.
#pragma once

#include <fintag/v1/model.grpc.pb.h>
#include <fintag/v1/tagging.grpc.pb.h>
#include <fintag/v1/training.grpc.pb.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "server/telemetry/http_endpoint.h"

namespace fintag::server {

// {"error": {"code": "NOT_FOUND", "message": "..."}} with the HTTP status that belongs to the code.
HttpResponse ErrorAnswer(const absl::Status& status);

class ApiGateway {
 public:
  explicit ApiGateway(const std::shared_ptr<grpc::Channel>& api);

  // From now on every request gets UNAVAILABLE; those under way have until `grace` to end. Needed before the API's
  // server goes: gRPC 1.51 crashes at a new call over the in-process channel of a server that is shut down.
  void Stop(std::chrono::seconds grace);

  // GET. Each answers with a message in protobuf's JSON form, all fields written; 64-bit numbers are strings there.
  HttpResponse ListJobs(
      const HttpRequest& request);  // ?page_token=; ListJobsResponse, of epochs the best and the latest
  HttpResponse GetJob(const std::string& id, const HttpRequest& request);           // Job
  HttpResponse ListJobProgress(const std::string& id, const HttpRequest& request);  // ?after=; ListJobProgressResponse
  HttpResponse ListModels(const HttpRequest& request);                              // ?page_token=; ListModelsResponse

  // POST. The body is a TagRequest in JSON, the answer a TagResponse.
  HttpResponse Tag(const HttpRequest& request);

 private:
  template <typename Stub, typename Request, typename Response>
  HttpResponse Call(
      const HttpRequest& from, Stub& stub,
      grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*), const Request& request,
      std::chrono::seconds time, void (*shorten)(Response&) = [](Response&) {});
  template <typename Stub, typename Request, typename Response>
  HttpResponse Answer(grpc::ClientContext& context, Stub& stub,
                      grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                      const Request& request, void (*shorten)(Response&));

  std::mutex mutex_;
  std::condition_variable ended_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<grpc::ClientContext*> under_way_ ABSL_GUARDED_BY(mutex_);
  const std::unique_ptr<fintag::v1::TrainingService::StubInterface> jobs_;
  const std::unique_ptr<fintag::v1::ModelService::StubInterface> models_;
  const std::unique_ptr<fintag::v1::TaggingService::StubInterface> tagging_;
};

}  // namespace fintag::server
