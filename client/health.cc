// CheckHealth: grpc.health.v1.Health/Check.
#include <google/protobuf/wrappers.pb.h>
#include <grpcpp/generic/generic_stub.h>

#include <future>

#include "absl/strings/str_cat.h"
#include "client/client.h"
#include "client/connection.h"
#include "client/utf8.h"

namespace fintag::client {
namespace {

// HealthCheckRequest is one string and HealthCheckResponse one enumeration, both field 1: on the wire the same as these
// messages, which spares a proto file of gRPC's own.
using HealthRequest = google::protobuf::StringValue;
using HealthResponse = google::protobuf::Int32Value;

// ServingStatus of grpc.health.v1.
constexpr int kServing = 1;
constexpr int kNotServing = 2;

}  // namespace

absl::StatusOr<Health> Client::CheckHealth(const std::string& service) {
  if (FindInvalidUtf8(service).has_value()) return absl::InvalidArgumentError("the service's name is not UTF-8");
  HealthRequest request;
  request.set_value(service);
  HealthResponse response;
  grpc::TemplatedGenericStub<HealthRequest, HealthResponse> stub(connection_->channel);
  const absl::Status status = connection_->Run(options().timeout, Repeat::kNever, [&](grpc::ClientContext& context) {
    std::promise<grpc::Status> done;
    stub.UnaryCall(&context, "/grpc.health.v1.Health/Check", grpc::StubOptions(), &request, &response,
                   [&done](const grpc::Status& result) { done.set_value(result); });
    return FromGrpc(done.get_future().get());
  });
  if (absl::IsNotFound(status)) {
    return absl::NotFoundError(absl::StrCat("the server does not know the service \"", service,
                                            "\"; give its full name, such as fintag.v1.TaggingService"));
  }
  if (!status.ok()) return status;
  if (response.value() == kServing) return Health::kServing;
  return response.value() == kNotServing ? Health::kNotServing : Health::kUnknown;
}

}  // namespace fintag::client
