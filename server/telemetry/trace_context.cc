#include "server/telemetry/trace_context.h"

#include <algorithm>
#include <cstdint>
#include <random>

namespace fintag::server {
namespace {

constexpr size_t kTraceDigits = 32;
constexpr size_t kSpanDigits = 16;
constexpr size_t kLength = 55;  // of version 00: 2 + 1 + 32 + 1 + 16 + 1 + 2

bool IsHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool IsZero(std::string_view text) { return text.find_first_not_of('0') == std::string_view::npos; }

// An id has to be unique, not secret.
std::string RandomHex(size_t digits) {
  thread_local std::mt19937_64 random = [] {
    std::random_device device;
    std::seed_seq seed{device(), device(), device(), device()};
    return std::mt19937_64(seed);
  }();
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  while (hex.size() < digits) {
    uint64_t bits = random();
    for (int i = 0; i < 16 && hex.size() < digits; ++i, bits >>= 4) hex += kDigits[bits & 15];
  }
  return IsZero(hex) ? RandomHex(digits) : hex;
}

}  // namespace

std::string TraceContext::Traceparent() const { return "00-" + trace_id + "-" + span_id + (sampled ? "-01" : "-00"); }

std::optional<TraceContext> ParseTraceparent(std::string_view text) {
  if (text.size() < kLength) return std::nullopt;
  const std::string_view version = text.substr(0, 2);
  const std::string_view trace = text.substr(3, kTraceDigits);
  const std::string_view span = text.substr(36, kSpanDigits);
  const std::string_view flags = text.substr(53, 2);
  for (const std::string_view part : {version, trace, span, flags}) {
    if (!IsHex(part)) return std::nullopt;
  }
  if (text[2] != '-' || text[35] != '-' || text[52] != '-' || IsZero(trace) || IsZero(span)) return std::nullopt;
  const bool ends = text.size() == kLength;
  if (version == "ff" || !(ends || (version != "00" && text[kLength] == '-'))) return std::nullopt;
  // Of the flags, the lowest bit alone is known.
  const bool sampled = std::string_view("13579bdf").find(flags[1]) != std::string_view::npos;
  return TraceContext{std::string(trace), std::string(span), sampled};
}

TraceContext ContinueTrace(std::string_view traceparent) {
  std::optional<TraceContext> given = ParseTraceparent(traceparent);
  TraceContext trace = given ? *std::move(given) : TraceContext{RandomHex(kTraceDigits), "", false};
  trace.span_id = RandomHex(kSpanDigits);
  return trace;
}

}  // namespace fintag::server
