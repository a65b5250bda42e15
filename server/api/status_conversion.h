// From absl::Status to grpc::Status with google.rpc details (AIP-193): ErrorInfo always, BadRequest for wrong fields,
// RetryInfo where trying again helps.
#pragma once

#include <google/rpc/status.pb.h>
#include <grpcpp/grpcpp.h>

#include <limits>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/training/training_options.h"

namespace fintag::server {

// What the details of an error may hold so that a stock client, with its 8 KiB of metadata, can still receive it.
// The details travel in base64, and the message once more beside them.
inline constexpr size_t kStockDetailsBytes = 3072;

// INVALID_ARGUMENT that carries the wrong fields, at most `most` and as many as fit into `max_bytes`. Its message has
// the first ones and says how many more there are. `errors` must not be empty.
absl::Status BadRequest(const std::vector<FieldError>& errors, size_t max_bytes = kStockDetailsBytes,
                        size_t most = std::numeric_limits<size_t>::max());
absl::Status BadField(std::string field, std::string reason);
// What a room below says against a value of the request, with the field that the value came in: INVALID_ARGUMENT and
// OUT_OF_RANGE get a BadRequest. Other statuses stay as they are.
absl::Status AboutField(const absl::Status& status, std::string field);

// The status with more for the metadata of its ErrorInfo.
absl::Status WithInfo(absl::Status status, const std::map<std::string, std::string>& metadata);

// The status with the time after which to try again, in place of the usual half a second.
absl::Status WithRetry(absl::Status status, absl::Duration delay);

// The message as it is, made valid UTF-8 and cut to what a stock client can receive. `method` goes into ErrorInfo's
// metadata; its reason is the code's name, its domain "fintag". UNAVAILABLE and RESOURCE_EXHAUSTED carry RetryInfo,
// a LimitError only if WithRetry gave it one; its ErrorInfo has `limit`.
// `status` must not be OK.
google::rpc::Status ToRpcStatus(const absl::Status& status, const std::string& method);

// With ToRpcStatus as its details. The message is the same in both places, as grpc_status of Python wants it.
grpc::Status ToGrpcStatus(const absl::Status& status, const std::string& method);

}  // namespace fintag::server
