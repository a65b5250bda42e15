// What the readers of weights promise of each tensor.
#pragma once

#include "core/model/stored_tensor.h"
#include "tests/fuzz/input.h"

namespace fintag::fuzz {

// Converts the tensors as a checkpoint's reader does: never more in all than their file could hold.
inline void CheckTensors(const std::vector<StoredTensor>& tensors, std::string_view file) {
  uint64_t taken = 0;
  for (const StoredTensor& tensor : tensors) {
    FUZZ_PROMISE(Within({reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size()}, file));
    const auto elements = ElementCount(tensor.shape);
    FUZZ_PROMISE(elements.has_value());
    FUZZ_PROMISE(tensor.strides.empty() || tensor.strides.size() == tensor.shape.size());
    taken += static_cast<uint64_t>(*elements);
    if (taken * 2 > file.size()) return;
    const auto converted = ToFloat32(tensor);
    FUZZ_PROMISE(converted.ok() || absl::IsInvalidArgument(converted.status()));
    if (converted.ok()) FUZZ_PROMISE(converted->sizes() == tensor.shape);
  }
}

}  // namespace fintag::fuzz
