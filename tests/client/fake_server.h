// A server in this process whose answers a test decides.
#pragma once

#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>
#include <grpcpp/grpcpp.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/client.h"

namespace fintag::client {

inline google::rpc::RetryInfo RetryAfter(absl::Duration delay) {
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(delay % absl::Seconds(1))));
  retry.mutable_retry_delay()->set_seconds(absl::ToInt64Seconds(delay));
  return retry;
}

// As the server says it: with details.
inline grpc::Status Detailed(grpc::StatusCode code, const std::string& message,
                             const std::vector<FieldViolation>& violations = {},
                             std::optional<absl::Duration> retry_after = std::nullopt) {
  google::rpc::Status details;
  details.set_code(code);
  details.set_message(message);
  details.add_details()->PackFrom(google::rpc::ErrorInfo());
  if (!violations.empty()) {
    google::rpc::BadRequest bad;
    for (const FieldViolation& violation : violations) {
      bad.add_field_violations()->set_field(violation.field);
      bad.mutable_field_violations()->rbegin()->set_description(violation.reason);
    }
    details.add_details()->PackFrom(bad);
  }
  if (retry_after.has_value()) details.add_details()->PackFrom(RetryAfter(*retry_after));
  return {code, message, details.SerializeAsString()};
}

class FakeServer {
 public:
  explicit FakeServer(const std::vector<grpc::Service*>& services) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("localhost:0", grpc::InsecureServerCredentials(), &port_);
    for (grpc::Service* service : services) builder.RegisterService(service);
    server_ = builder.BuildAndStart();
  }
  ~FakeServer() { server_->Shutdown(std::chrono::system_clock::now()); }

  std::string address() const { return "localhost:" + std::to_string(port_); }
  Client MakeClient(Options options = {}) const {
    options.server = address();
    return *Client::Connect(options);
  }

 private:
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace fintag::client
