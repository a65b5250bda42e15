// Checks a server's audit log from its file alone: every line's hash, and that each names the one before it. The format
// is in server/security/AUDIT_LOG.md.
#pragma once

#include <cstdint>
#include <istream>
#include <optional>
#include <string>

namespace fintag::client {

struct AuditChain {
  int64_t entries = 0;  // good ones, from the start
  std::string first_time, last_time;
  std::string head = std::string(64, '0');  // hash of the last of them
  int64_t wrong_line = 0;                   // the first one, from 1; 0: none
  std::string reason;                       // why it is wrong
  int64_t known_head_line = 0;              // where the known head stands; 0: nowhere
};

// Reads `file` to its end or to its first wrong line. `known_head`: a head that the server told of before, in lower
// case, or empty.
AuditChain CheckAuditChain(std::istream& file, const std::string& known_head);

}  // namespace fintag::client
