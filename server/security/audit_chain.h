// A line of the audit log and its place in the chain of hashes. AUDIT_LOG.md has the format.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace fintag::server {

// What happened. Text of users has no place here: `resource` is a name that AuditedName let pass, or empty.
struct AuditEntry {
  std::string caller = {};    // empty: not known
  std::string peer = {};      // "ipv4:10.0.0.7:41234"; empty: the server itself
  std::string method = {};    // "fintag.v1.TrainingService/CreateJob", or "server/Start"
  std::string resource = {};  // "jobs/261123-221338-nn3e"
  std::string code = {};      // the status' name, of a job that ended its state
  std::string trace_id = {};
  std::string detail = {};
};

// `name` if it has the form of a resource's name, else empty: a caller may have written anything.
std::string AuditedName(std::string_view name);

// An entry's place: its own number and hash, which the next one names.
struct AuditLink {
  int64_t sequence = 0;
  std::string hash = std::string(64, '0');
};

// The entry as the line behind `previous`, with its newline, at most kLongestAuditLine bytes: what is too long is cut.
// `link` becomes the line's own.
std::string AuditLine(const AuditEntry& entry, AuditLink& link);
inline constexpr int64_t kLongestAuditLine = 16384;

// Reads a line without its newline: DATA_LOSS where its hash or its form is wrong, or where it is not the next behind
// `link`, which becomes the line's own. A `link` of number -1 fits any.
absl::Status FollowAuditLine(std::string_view line, AuditLink& link);

}  // namespace fintag::server
