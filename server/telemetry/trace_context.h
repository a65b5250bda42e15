// The trace that a request belongs to, as the W3C's Trace Context has it (https://www.w3.org/TR/trace-context/): one id
// by which everything about the request is found, in this server and in those before it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace fintag::server {

struct TraceContext {
  std::string trace_id;  // 32 lower-case hexadecimal digits, not all 0
  std::string span_id;   // 16 alike, of one step of the trace
  bool sampled = false;  // the caller records this trace

  // "00-TRACE_ID-SPAN_ID-FLAGS", the value of the header traceparent.
  std::string Traceparent() const;
};

// Nothing where it is not as the specification says. A version after 00 may have more behind the flags.
std::optional<TraceContext> ParseTraceparent(std::string_view traceparent);

// The caller's trace with a step of the server's own; a new trace where `traceparent` is missing or malformed.
TraceContext ContinueTrace(std::string_view traceparent);

}  // namespace fintag::server
