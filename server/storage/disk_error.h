// What the disk or the system refuses, as a status that says what to do about it.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"

namespace fintag::server {

// `error` is an errno; the message begins with `what` ("cannot make DATA/jobs/x"). RESOURCE_EXHAUSTED for a full disk
// and for too many open files, UNAVAILABLE for a disk that fails or may only be read: no request is to blame, and the
// same one gets through once the operator has mended it. Others as absl::ErrnoToStatus.
absl::Status DiskError(int error, std::string_view what);

// Bytes that uploads and restores leave free: for what the server and its trainers write themselves.
inline constexpr int64_t kSparedBytes = 64 << 20;

// What to do about a full disk.
inline constexpr std::string_view kMakeRoom =
    "delete models, datasets or finished jobs that nobody needs, or give --data-dir a larger disk";
// About one that may only be read.
inline constexpr std::string_view kMakeWritable =
    "the disk of --data-dir may only be read: mount it writable again (dmesg says why it is not)";

}  // namespace fintag::server
