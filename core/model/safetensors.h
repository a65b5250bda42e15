// The safetensors format: https://huggingface.co/docs/safetensors, version 0.
// 8 bytes little-endian header length, the header (a JSON object of name -> dtype, shape, data_offsets), the data.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/model/stored_tensor.h"

namespace fintag {

// The tensors of a file in the order of their data; their bytes point into `file`. INVALID_ARGUMENT names what is
// wrong: a header longer than the file or 16 MB, JSON that is none, a name twice, an unknown dtype, a shape that
// does not match its data, data that overlap, leave a gap or do not end where the file ends.
absl::StatusOr<std::vector<StoredTensor>> ParseSafetensors(absl::Span<const uint8_t> file);

// Writes the tensors as F32 in the order of their names, so that equal weights give equal bytes. The file is not
// synced to disk here.
absl::Status WriteSafetensors(const std::filesystem::path& path, const std::map<std::string, at::Tensor>& tensors);

}  // namespace fintag
