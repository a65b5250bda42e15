// Files in chunks over a gRPC stream, in both directions.
#pragma once

#include <fintag/v1/dataset.pb.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/api/upload_room.h"

namespace fintag::server {

// What a chunk may hold.
inline constexpr int64_t kLargestChunk = 1 << 20;

// Receives the files of `descriptions` into `folder`, one behind the other, under their own names (`plain_names`) or as
// "0", "1", ... `next_chunk` gives the next chunk, or nullptr at the stream's end. INVALID_ARGUMENT: a chunk too large,
// a stream that ends too early or goes on too long, a wrong checksum; RESOURCE_EXHAUSTED: as UploadRoom::Claim::Check,
// which is asked before the first byte and again before each chunk, or a full disk. Every file is synced. `claim` is of
// TotalBytes(descriptions).
// `fields` are the descriptions' names in messages.
absl::Status ReceiveFiles(const std::vector<fintag::v1::FileDescription>& descriptions,
                          const std::vector<std::string>& fields, const std::filesystem::path& folder, bool plain_names,
                          UploadRoom::Claim& claim, const std::function<const std::string*()>& next_chunk);

// Checks sizes, checksums and names: at most 255 bytes, and for `plain_names` plain file names of which none comes
// twice. The sum of sizes may be `max_bytes` at most. `fields` are the descriptions' names in messages.
absl::Status CheckFileDescriptions(const std::vector<fintag::v1::FileDescription>& descriptions,
                                   const std::vector<std::string>& fields, int64_t max_bytes, bool plain_names);

int64_t TotalBytes(const std::vector<fintag::v1::FileDescription>& descriptions);

// Describes the plain files of `folder`, sorted by name.
absl::StatusOr<std::vector<fintag::v1::FileDescription>> DescribeFiles(const std::filesystem::path& folder);

// Reads the files in chunks; ends early with CANCELLED where `send` returns false.
absl::Status SendFiles(const std::vector<fintag::v1::FileDescription>& descriptions,
                       const std::filesystem::path& folder, const std::function<bool(std::string chunk)>& send);

}  // namespace fintag::server
