// What every gRPC method does the same way, written once: who may call, timing, one log line, metrics, and the way from
// absl::Status to grpc::Status with google.rpc details. A service file holds what differs.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <new>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "server/api/admission.h"
#include "server/api/call_limit.h"
#include "server/api/caller_limits.h"
#include "server/api/method_roles.h"
#include "server/api/stream_reads.h"
#include "server/security/audit_log.h"
#include "server/telemetry/logger.h"
#include "server/telemetry/metrics.h"
#include "server/telemetry/trace_context.h"

namespace fintag::server {

// Handed to every service. `stopping` turns true when the server is told to end: streams without end then close.
struct CallEnvironment {
  Metrics& metrics;
  const Logger& logger;
  const std::atomic<bool>& stopping;
  const Access& access;
  CallLimit& calls;  // of all but watches
  CallerLimits& callers;
  StreamReads& reads;  // of streams of requests
  AuditLog* audit;     // of calls that change state; null on a replica, which keeps nothing
};

// What is called, and what for.
struct CallTarget {
  CallTarget(std::string called, std::string_view named = {}) : method(std::move(called)), resource(named) {}
  std::string method;         // "fintag.v1.TaggingService/Tag"
  std::string_view resource;  // for the audit log, as the request has it: "models/x"
};

// A call under way.
struct Call {
  std::string method;    // "fintag.v1.TaggingService/Tag"
  std::string caller;    // as Admission has it
  std::string trace_id;  // the caller's or, where he sent none, the server's own
  std::string peer;
  // Of a call that changes state, for the audit log. The body may know better than the request.
  std::string resource;
  std::string detail = {};
};

// Goes on with the caller's trace, or begins one, and tells the caller: `traceparent` in the answer's initial metadata.
TraceContext BeginTrace(grpc::ServerContext& context);

// Writes the audit entry of a call that ended with `status`; a call that was not `begun` has changed nothing.
// UNAVAILABLE where it changed something and is not on disk.
absl::Status Audit(const CallEnvironment& environment, const Call& call, const absl::Status& status, bool begun);

// Counts, times and logs one call; `status` is what the method returned.
grpc::Status FinishCall(const CallEnvironment& environment, const Call& call, const absl::Status& status,
                        std::chrono::steady_clock::time_point start);

// How a stream of requests and answers ended: UNAVAILABLE where the server stops, CANCELLED where the caller went away.
absl::Status StreamEnd(const CallEnvironment& environment, const grpc::ServerContext& context);

// Runs `body` (absl::Status() or absl::Status(Call&)) as the method of `target`, if the caller may and has not reached
// his own limits, `limit` has a place for it and, where it changes state, the audit log has one too. What it throws is
// the call's error, never the server's end.
template <typename Body>
grpc::Status RunCall(const CallEnvironment& environment, CallLimit& limit, grpc::ServerContext& context,
                     const CallTarget& target, Body&& body) {
  const auto start = std::chrono::steady_clock::now();
  const Admission admission = Admit(environment.access, context, target.method);
  Call call{target.method, admission.caller, BeginTrace(context).trace_id, context.peer(),
            std::string(target.resource)};
  absl::Status status = admission.status;
  // Strangers take no place.
  std::optional<CallerLimits::Place> callers_place;
  std::optional<CallLimit::Place> place;
  std::optional<AuditLog::Place> audit_place;
  const bool audited = environment.audit != nullptr && ChangesState(call.method);
  if (status.ok()) status = callers_place.emplace(environment.callers, admission.caller).status();
  if (status.ok()) status = place.emplace(limit).status();
  if (status.ok() && audited) status = audit_place.emplace(*environment.audit).status();
  const bool begun = status.ok();
  try {
    if constexpr (std::is_invocable_v<Body, Call&>) {
      if (begun) status = body(call);
    } else {
      if (begun) status = body();
    }
  } catch (const std::bad_alloc&) {
    status = absl::ResourceExhaustedError("the server has not enough memory for this call");
  } catch (const std::exception& error) {
    status = absl::InternalError(error.what());
  }
  if (audited) status = Audit(environment, call, status, begun);
  return FinishCall(environment, call, status, start);
}

template <typename Body>
grpc::Status RunCall(const CallEnvironment& environment, grpc::ServerContext& context, const CallTarget& target,
                     Body&& body) {
  return RunCall(environment, environment.calls, context, target, std::forward<Body>(body));
}

}  // namespace fintag::server
