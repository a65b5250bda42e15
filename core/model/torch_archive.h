// pytorch_model.bin: a state_dict as torch.save wrote it, in the zip format (1.6 and later) or the legacy one.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/model/stored_tensor.h"

namespace fintag {

// The tensors of a state_dict in its order; their bytes point into `file`. Nothing in the file is executed
// (pickle_reader.h). INVALID_ARGUMENT for anything but a flat state_dict of dense tensors on a little-endian machine,
// for storages that are missing or of another size than claimed, and for views that reach outside their storage.
absl::StatusOr<std::vector<StoredTensor>> ParseTorchArchive(absl::Span<const uint8_t> file);

}  // namespace fintag
