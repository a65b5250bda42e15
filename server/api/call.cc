#include "server/api/call.h"

#include <iterator>
#include <string_view>

#include "absl/strings/str_format.h"
#include "server/api/status_conversion.h"

namespace fintag::server {

TraceContext BeginTrace(grpc::ServerContext& context) {
  // Of several, none counts: which of them would be anybody's guess.
  const auto [begin, end] = context.client_metadata().equal_range("traceparent");
  const bool one = begin != end && std::next(begin) == end;
  TraceContext trace = ContinueTrace(one ? std::string_view(begin->second.data(), begin->second.size()) : "");
  context.AddInitialMetadata("traceparent", trace.Traceparent());
  return trace;
}

absl::Status Audit(const CallEnvironment& environment, const Call& call, const absl::Status& status, bool begun) {
  const AuditEntry entry{.caller = call.caller,
                         .peer = call.peer,
                         .method = call.method,
                         .resource = AuditedName(call.resource),
                         .code = absl::StatusCodeToString(status.code()),
                         .trace_id = call.trace_id,
                         .detail = call.detail};
  const absl::Status written = begun ? environment.audit->Write(entry) : environment.audit->WriteOrLose(entry);
  return status.ok() ? written : status;
}

grpc::Status FinishCall(const CallEnvironment& environment, const Call& call, const absl::Status& status,
                        std::chrono::steady_clock::time_point start) {
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const std::string code = absl::StatusCodeToString(status.code());
  environment.metrics.OnRequest(call.method, code, seconds);
  // The message stays out of the log: it may quote a user's text.
  const bool ours = status.code() == absl::StatusCode::kInternal || status.code() == absl::StatusCode::kUnknown ||
                    status.code() == absl::StatusCode::kDataLoss;
  if (status.code() == absl::StatusCode::kDataLoss) {
    // Of our own files and rows alone, which the operator must know.
    environment.logger.Write(
        Severity::kError, "stored data is damaged",
        {{"method", call.method}, {"error", std::string(status.message())}, {"trace_id", call.trace_id}});
  }
  environment.logger.Write(ours ? Severity::kError : Severity::kInfo, "call",
                           {{"method", call.method},
                            {"code", code},
                            {"seconds", absl::StrFormat("%.6f", seconds)},
                            {"caller", call.caller},
                            {"trace_id", call.trace_id}});
  return ToGrpcStatus(status, call.method);
}

absl::Status StreamEnd(const CallEnvironment& environment, const grpc::ServerContext& context) {
  if (environment.stopping) {
    return absl::UnavailableError("the server is stopping: send what is not answered yet again");
  }
  return context.IsCancelled() ? absl::CancelledError("the caller went away") : absl::OkStatus();
}

}  // namespace fintag::server
