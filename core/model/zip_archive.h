// The directory of a zip archive whose entries are stored without compression, as torch.save writes them.
// Format: PKWARE APPNOTE 6.3.3, sections 4.3 (records) and 4.5.3 (zip64).
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace fintag {

// The entries' contents by name, pointing into `file`. INVALID_ARGUMENT where a record is damaged or lies outside the
// file, a name occurs twice, or an entry is compressed or encrypted. Checksums are not compared: torch.save can be
// told to leave them out (torch.serialization.set_crc32_options).
absl::StatusOr<std::map<std::string, absl::Span<const uint8_t>>> ReadZipDirectory(absl::Span<const uint8_t> file);

}  // namespace fintag
