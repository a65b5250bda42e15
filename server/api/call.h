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
  // Of a stream: what counts are its requests, by RunStreamed, and not how long it was open.
  bool counts_requests = false;
};

// Goes on with the caller's trace, or begins one, and tells the caller: `traceparent` in the answer's initial metadata.
TraceContext BeginTrace(grpc::ServerContextBase& context);

// How a stream of requests and answers ended: UNAVAILABLE where the server stops, CANCELLED where the caller went away.
absl::Status StreamEnd(const CallEnvironment& environment, const grpc::ServerContext& context);

// A call from its admission to its end: it may begin if the caller may, and has not reached his own limits, `limit` has
// a place for it and, where it changes state, the audit log has one too. The places are its own until End.
class OpenCall {
 public:
  OpenCall(const CallEnvironment& environment, CallLimit& limit, grpc::ServerContextBase& context,
           const CallTarget& target);

  const absl::Status& admitted() const { return admitted_; }
  Call& call() { return call_; }
  // Audits, counts and times (unless its requests were), and logs the call; `status` is what it came to, or else
  // admitted(). Once.
  grpc::Status End(absl::Status status);

 private:
  bool audited() const;
  // UNAVAILABLE where a call changed something and that is not on disk.
  absl::Status Audit(const absl::Status& status) const;

  const CallEnvironment environment_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  Call call_;
  absl::Status admitted_;
  // Strangers take no place.
  std::optional<CallerLimits::Place> callers_place_;
  std::optional<CallLimit::Place> place_;
  std::optional<AuditLog::Place> audit_place_;
};

// What `body` (absl::Status()) returns or throws: an exception is the call's error, never the server's end.
template <typename Body>
absl::Status Guarded(Body&& body) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("the server has not enough memory for this call");
  } catch (const std::exception& error) {
    return absl::InternalError(error.what());
  }
}

// Counts and times what came to `status`; logs damage of stored data, which the operator must know of.
void Count(const CallEnvironment& environment, const Call& call, const absl::Status& status, double seconds);

// The line of a call in the log.
void LogCall(const CallEnvironment& environment, const Call& call, const absl::Status& status, double seconds);

// Runs `body` (absl::Status()) as one request of the stream `call`: whoever watches sees of it what he sees of a call,
// but for a line in the log where all went well.
template <typename Body>
absl::Status RunStreamed(const CallEnvironment& environment, const Call& call, Body&& body) {
  const auto start = std::chrono::steady_clock::now();
  const absl::Status status = Guarded(std::forward<Body>(body));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  Count(environment, call, status, seconds);
  if (!status.ok()) LogCall(environment, call, status, seconds);
  return status;
}

// Runs `body` (absl::Status() or absl::Status(Call&)) as the method of `target`, if it may begin.
template <typename Body>
grpc::Status RunCall(const CallEnvironment& environment, CallLimit& limit, grpc::ServerContext& context,
                     const CallTarget& target, Body&& body) {
  OpenCall open(environment, limit, context, target);
  if (!open.admitted().ok()) return open.End(open.admitted());
  return open.End(Guarded([&] {
    if constexpr (std::is_invocable_v<Body, Call&>) {
      return body(open.call());
    } else {
      return body();
    }
  }));
}

template <typename Body>
grpc::Status RunCall(const CallEnvironment& environment, grpc::ServerContext& context, const CallTarget& target,
                     Body&& body) {
  return RunCall(environment, environment.calls, context, target, std::forward<Body>(body));
}

}  // namespace fintag::server
