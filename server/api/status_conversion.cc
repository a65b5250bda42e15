#include "server/api/status_conversion.h"

#include <google/rpc/error_details.pb.h>

#include "absl/strings/cord.h"
#include "core/text/strings.h"
#include "core/text/utf8.h"
#include "server/storage/limit_error.h"

namespace fintag::server {
namespace {

constexpr char kBadRequestUrl[] = "type.googleapis.com/google.rpc.BadRequest";
constexpr char kErrorInfoUrl[] = "type.googleapis.com/google.rpc.ErrorInfo";
constexpr char kRetryInfoUrl[] = "type.googleapis.com/google.rpc.RetryInfo";
constexpr int kRetryMilliseconds = 500;
constexpr size_t kLongestMessage = 1200;  // as it is encoded
constexpr size_t kLongestRest = 40;       // "and 99 more"
constexpr size_t kLongestReason = 1000;   // of one field

// Bytes of a character in the header grpc-message, which is percent-encoded.
size_t EncodedSize(char c) { return c < ' ' || c > '~' || c == '%' ? 3 : 1; }

size_t EncodedSize(const std::string& text) {
  size_t bytes = 0;
  for (const char c : text) bytes += EncodedSize(c);
  return bytes;
}

// The text, or what of it takes at most `limit` bytes once encoded, without half a character at the end.
std::string Cut(const std::string& text, size_t limit) {
  size_t encoded = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    encoded += EncodedSize(text[i]);
    if (encoded <= limit) continue;
    while (i > 0 && (static_cast<unsigned char>(text[i]) & 0xC0) == 0x80) --i;
    return text.substr(0, i) + "...";
  }
  return text;
}

// Protocol buffers hold UTF-8 alone; a message may quote bytes that are none.
std::string AsUtf8(std::string text) {
  if (ValidateUtf8(text).ok()) return text;
  for (char& c : text) {
    if (static_cast<unsigned char>(c) >= 0x80) c = '?';
  }
  return text;
}

}  // namespace

absl::Status BadRequest(const std::vector<FieldError>& errors, size_t max_bytes, size_t most) {
  google::rpc::BadRequest details;
  std::string message;
  size_t quoted = 0;
  bool full = false;
  for (const FieldError& error : errors) {
    const std::string reason = Cut(AsUtf8(error.reason), kLongestReason);
    google::rpc::BadRequest::FieldViolation& violation = *details.add_field_violations();
    violation.set_field(error.field);
    violation.set_description(reason);
    if (details.ByteSizeLong() > max_bytes || static_cast<size_t>(details.field_violations_size()) > most) {
      details.mutable_field_violations()->RemoveLast();
      break;
    }
    const std::string line = StrCat(message.empty() ? "" : "\n", error.field, ": ", reason);
    // Those that are quoted stand in front, without a gap.
    if (!full && (message.empty() || EncodedSize(message) + EncodedSize(line) < kLongestMessage - kLongestRest)) {
      message += line;
      ++quoted;
    } else {
      full = true;
    }
  }
  if (quoted < errors.size()) message += StrCat("\nand ", errors.size() - quoted, " more");
  absl::Status status = absl::InvalidArgumentError(message);
  status.SetPayload(kBadRequestUrl, absl::Cord(details.SerializeAsString()));
  return status;
}

absl::Status BadField(std::string field, std::string reason) {
  return BadRequest({{std::move(field), std::move(reason)}});
}

absl::Status AboutField(const absl::Status& status, std::string field) {
  if (!absl::IsInvalidArgument(status) && !absl::IsOutOfRange(status)) return status;
  const absl::Status bad = BadField(std::move(field), std::string(status.message()));
  absl::Status about(status.code(), bad.message());
  about.SetPayload(kBadRequestUrl, *bad.GetPayload(kBadRequestUrl));
  return about;
}

absl::Status WithInfo(absl::Status status, const std::map<std::string, std::string>& metadata) {
  google::rpc::ErrorInfo info;
  info.mutable_metadata()->insert(metadata.begin(), metadata.end());
  status.SetPayload(kErrorInfoUrl, absl::Cord(info.SerializeAsString()));
  return status;
}

absl::Status WithRetry(absl::Status status, absl::Duration delay) {
  google::rpc::RetryInfo retry;
  absl::Duration rest;
  retry.mutable_retry_delay()->set_seconds(absl::IDivDuration(delay, absl::Seconds(1), &rest));
  retry.mutable_retry_delay()->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
  status.SetPayload(kRetryInfoUrl, absl::Cord(retry.SerializeAsString()));
  return status;
}

google::rpc::Status ToRpcStatus(const absl::Status& status, const std::string& method) {
  google::rpc::Status details;
  details.set_code(static_cast<int>(status.code()));
  // A message from deep inside may quote a lot; the metadata of an answer is small.
  details.set_message(Cut(AsUtf8(std::string(status.message())), kLongestMessage));

  google::rpc::ErrorInfo info;
  if (const auto more = status.GetPayload(kErrorInfoUrl); more.has_value()) info.ParseFromString(std::string(*more));
  info.set_reason(absl::StatusCodeToString(status.code()));
  info.set_domain("fintag");
  (*info.mutable_metadata())["method"] = method;
  const std::string limit = LimitOf(status);
  if (!limit.empty()) (*info.mutable_metadata())["limit"] = limit;
  details.add_details()->PackFrom(info);

  if (const auto bad_request = status.GetPayload(kBadRequestUrl); bad_request.has_value()) {
    google::protobuf::Any& any = *details.add_details();
    any.set_type_url(kBadRequestUrl);
    any.set_value(std::string(*bad_request));
  }
  const auto given = status.GetPayload(kRetryInfoUrl);
  // Past a caller's limit, waiting helps only where the limit's keeper says when.
  const bool usual =
      (status.code() == absl::StatusCode::kUnavailable || status.code() == absl::StatusCode::kResourceExhausted) &&
      limit.empty();
  if (usual || given.has_value()) {
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_nanos(kRetryMilliseconds * 1000000);
    if (given.has_value()) {
      retry.ParseFromString(std::string(*given));
    }
    details.add_details()->PackFrom(retry);
  }
  return details;
}

grpc::Status ToGrpcStatus(const absl::Status& status, const std::string& method) {
  if (status.ok()) return grpc::Status::OK;
  const google::rpc::Status details = ToRpcStatus(status, method);
  // absl and gRPC number their codes alike (google.rpc.Code).
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), details.message(), details.SerializeAsString());
}

}  // namespace fintag::server
