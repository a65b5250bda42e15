#include "server/api/call.h"

#include <iterator>
#include <string_view>

#include "absl/strings/str_format.h"
#include "server/api/status_conversion.h"

namespace fintag::server {

TraceContext BeginTrace(grpc::ServerContextBase& context) {
  // Of several, none counts: which of them would be anybody's guess.
  const auto [begin, end] = context.client_metadata().equal_range("traceparent");
  const bool one = begin != end && std::next(begin) == end;
  TraceContext trace = ContinueTrace(one ? std::string_view(begin->second.data(), begin->second.size()) : "");
  context.AddInitialMetadata("traceparent", trace.Traceparent());
  return trace;
}

OpenCall::OpenCall(const CallEnvironment& environment, CallLimit& limit, grpc::ServerContextBase& context,
                   const CallTarget& target)
    : environment_(environment) {
  Admission admission = Admit(environment_.access, context, target.method);
  call_ = {target.method, std::move(admission.caller), BeginTrace(context).trace_id, context.peer(),
           std::string(target.resource)};
  admitted_ = std::move(admission.status);
  if (admitted_.ok()) admitted_ = callers_place_.emplace(environment_.callers, call_.caller).status();
  if (admitted_.ok()) admitted_ = place_.emplace(limit).status();
  if (admitted_.ok() && audited()) admitted_ = audit_place_.emplace(*environment_.audit).status();
}

void Count(const CallEnvironment& environment, const Call& call, const absl::Status& status, double seconds) {
  environment.metrics.OnRequest(call.method, absl::StatusCodeToString(status.code()), seconds);
  if (status.code() != absl::StatusCode::kDataLoss) return;
  // The message is of our own files and rows alone.
  environment.logger.Write(
      Severity::kError, "stored data is damaged",
      {{"method", call.method}, {"error", std::string(status.message())}, {"trace_id", call.trace_id}});
}

void LogCall(const CallEnvironment& environment, const Call& call, const absl::Status& status, double seconds) {
  // The message stays out of the log: it may quote a user's text.
  const bool ours = status.code() == absl::StatusCode::kInternal || status.code() == absl::StatusCode::kUnknown ||
                    status.code() == absl::StatusCode::kDataLoss;
  environment.logger.Write(ours ? Severity::kError : Severity::kInfo, "call",
                           {{"method", call.method},
                            {"code", absl::StatusCodeToString(status.code())},
                            {"seconds", absl::StrFormat("%.6f", seconds)},
                            {"caller", call.caller},
                            {"trace_id", call.trace_id}});
}

grpc::Status OpenCall::End(absl::Status status) {
  if (audited()) status = Audit(status);
  audit_place_.reset();
  place_.reset();
  callers_place_.reset();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  if (!call_.counts_requests) Count(environment_, call_, status, seconds);
  LogCall(environment_, call_, status, seconds);
  return ToGrpcStatus(status, call_.method);
}

bool OpenCall::audited() const { return environment_.audit != nullptr && ChangesState(call_.method); }

absl::Status OpenCall::Audit(const absl::Status& status) const {
  const AuditEntry entry{.caller = call_.caller,
                         .peer = call_.peer,
                         .method = call_.method,
                         .resource = AuditedName(call_.resource),
                         .code = absl::StatusCodeToString(status.code()),
                         .trace_id = call_.trace_id,
                         .detail = call_.detail};
  // One that was not admitted has changed nothing.
  const absl::Status written =
      admitted_.ok() ? environment_.audit->Write(entry) : environment_.audit->WriteOrLose(entry);
  return status.ok() ? written : status;
}

absl::Status StreamEnd(const CallEnvironment& environment, const grpc::ServerContext& context) {
  if (environment.stopping) {
    return absl::UnavailableError("the server is stopping: send what is not answered yet again");
  }
  return context.IsCancelled() ? absl::CancelledError("the caller went away") : absl::OkStatus();
}

}  // namespace fintag::server
