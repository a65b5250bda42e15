// A tensor as a weight file holds it: its type, its shape, and where in the mapped file its elements lie.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace fintag {

struct StoredTensor {
  std::string name;
  std::string type;                 // as safetensors names it: "F32", "F16", "BF16", "I64", ...
  std::vector<int64_t> shape;       // no dimension negative; the product fits
  std::vector<int64_t> strides;     // in elements; empty where the elements lie densely in row-major order
  absl::Span<const uint8_t> bytes;  // from the first element to behind the last one, checked against the shape
};

// Number of elements of `shape`, or nothing where a dimension is negative, there are more than 8, or the product of
// those that are not zero passes 2^48.
std::optional<int64_t> ElementCount(const std::vector<int64_t>& shape);

// The elements as float32 on the CPU. Where they lie in the file as such, and `keeper` keeps its bytes alive, the
// result is a view of them that holds `keeper` and must not be written to; otherwise they are copied. INVALID_ARGUMENT
// for a type other than F32, F16 and BF16. Throws what LibTorch throws (memory).
absl::StatusOr<at::Tensor> ToFloat32(const StoredTensor& tensor, std::shared_ptr<const void> keeper = nullptr);

// "[30522, 384]".
std::string ShapeText(const std::vector<int64_t>& shape);

}  // namespace fintag
