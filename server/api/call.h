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
#include "server/api/stream_reads.h"
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
};

// A call under way.
struct Call {
  std::string method;    // "fintag.v1.TaggingService/Tag"
  std::string caller;    // as Admission has it
  std::string trace_id;  // the caller's or, where he sent none, the server's own
};

// Goes on with the caller's trace, or begins one, and tells the caller: `traceparent` in the answer's initial metadata.
TraceContext BeginTrace(grpc::ServerContext& context);

// Counts, times and logs one call; `status` is what the method returned.
grpc::Status FinishCall(const CallEnvironment& environment, const Call& call, const absl::Status& status,
                        std::chrono::steady_clock::time_point start);

// How a stream of requests and answers ended: UNAVAILABLE where the server stops, CANCELLED where the caller went away.
absl::Status StreamEnd(const CallEnvironment& environment, const grpc::ServerContext& context);

// Runs `body` (absl::Status() or absl::Status(Call&)) as the method `method` ("fintag.v1.TaggingService/Tag"), if the
// caller may and has not reached his own limits, and `limit` has a place for it. What it throws is the call's error,
// never the server's end.
template <typename Body>
grpc::Status RunCall(const CallEnvironment& environment, CallLimit& limit, grpc::ServerContext& context,
                     const std::string& method, Body&& body) {
  const auto start = std::chrono::steady_clock::now();
  const Admission admission = Admit(environment.access, context, method);
  Call call{method, admission.caller, BeginTrace(context).trace_id};
  absl::Status status = admission.status;
  // Strangers take no place.
  std::optional<CallerLimits::Place> callers_place;
  std::optional<CallLimit::Place> place;
  if (status.ok()) status = callers_place.emplace(environment.callers, admission.caller).status();
  if (status.ok()) status = place.emplace(limit).status();
  try {
    if constexpr (std::is_invocable_v<Body, Call&>) {
      if (status.ok()) status = body(call);
    } else {
      if (status.ok()) status = body();
    }
  } catch (const std::bad_alloc&) {
    status = absl::ResourceExhaustedError("the server has not enough memory for this call");
  } catch (const std::exception& error) {
    status = absl::InternalError(error.what());
  }
  return FinishCall(environment, call, status, start);
}

template <typename Body>
grpc::Status RunCall(const CallEnvironment& environment, grpc::ServerContext& context, const std::string& method,
                     Body&& body) {
  return RunCall(environment, environment.calls, context, method, std::forward<Body>(body));
}

}  // namespace fintag::server
