// What a process takes of the machine, as Linux tells in /proc.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "absl/status/statusor.h"

namespace fintag::server {

struct ProcessUsage {
  int64_t resident_bytes = 0;
  int64_t virtual_bytes = 0;
  double cpu_seconds = 0;  // user and system, of all threads, since its start
  int64_t open_files = 0;
  int64_t max_open_files = 0;     // the soft limit
  double start_unix_seconds = 0;  // to the hundredth
};

// Of another user's process open_files stays 0. NOT_FOUND if there is no such process.
absl::StatusOr<ProcessUsage> ReadProcessUsage(pid_t pid);

// Memory, processor time and open files of all processes in the group together; the rest is its first process'. A
// process that has ended counts no more. NOT_FOUND if the first one has ended.
absl::StatusOr<ProcessUsage> ReadGroupUsage(pid_t group);

}  // namespace fintag::server
