// The header traceparent of the W3C's Trace Context (https://www.w3.org/TR/trace-context/): the id by which a request
// is found in the server's log, its job's events and its audit log.
#pragma once

#include <string>
#include <string_view>

namespace fintag::client {

// "00-" and two random ids, of a trace and of its first step.
std::string NewTraceparent();

// Version 00 alone: what this program sends on.
bool IsTraceparent(std::string_view text);

// The trace's id, 32 hexadecimal digits, of what IsTraceparent is true for.
std::string TraceIdOf(std::string_view traceparent);

}  // namespace fintag::client
