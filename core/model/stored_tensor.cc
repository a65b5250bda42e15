#include "core/model/stored_tensor.h"

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include <cstring>
#include <utility>

#include "absl/strings/str_join.h"
#include "core/model/printable.h"
#include "core/text/strings.h"

namespace fintag {
namespace {

// Elements need not be aligned in the file: safetensors headers may have any length.
template <typename Element>
Element Load(const uint8_t* from) {
  Element element;
  std::memcpy(&element, from, sizeof(Element));
  return element;
}

template <typename Element>
void CopyDense(const StoredTensor& tensor, int64_t count, float* to) {
  const uint8_t* from = tensor.bytes.data();
  for (int64_t i = 0; i < count; ++i) to[i] = static_cast<float>(Load<Element>(from + i * sizeof(Element)));
}

template <>
void CopyDense<float>(const StoredTensor& tensor, int64_t count, float* to) {
  if (count > 0) std::memcpy(to, tensor.bytes.data(), count * sizeof(float));
}

// Walks the indices in row-major order; `offset` follows in the file.
template <typename Element>
void CopyStrided(const StoredTensor& tensor, int64_t count, float* to) {
  std::vector<int64_t> index(tensor.shape.size(), 0);
  int64_t offset = 0;
  for (int64_t i = 0; i < count; ++i) {
    to[i] = static_cast<float>(Load<Element>(tensor.bytes.data() + offset * sizeof(Element)));
    for (size_t axis = index.size(); axis-- > 0;) {
      offset += tensor.strides[axis];
      if (++index[axis] < tensor.shape[axis]) break;
      offset -= tensor.shape[axis] * tensor.strides[axis];
      index[axis] = 0;
    }
  }
}

template <typename Element>
at::Tensor Copy(const StoredTensor& tensor) {
  at::Tensor copy = at::empty(tensor.shape, at::kFloat);
  float* to = copy.mutable_data_ptr<float>();
  if (tensor.strides.empty()) {
    CopyDense<Element>(tensor, copy.numel(), to);
  } else {
    CopyStrided<Element>(tensor, copy.numel(), to);
  }
  return copy;
}

bool IsReady(const StoredTensor& tensor) {
  return tensor.type == "F32" && tensor.strides.empty() && !tensor.bytes.empty() &&
         reinterpret_cast<uintptr_t>(tensor.bytes.data()) % alignof(float) == 0;
}

at::Tensor View(const StoredTensor& tensor, std::shared_ptr<const void> keeper) {
  void* data = const_cast<uint8_t*>(tensor.bytes.data());  // LibTorch has no tensor of constants
  return at::from_blob(
      data, tensor.shape, [keeper = std::move(keeper)](void*) {}, at::kFloat);
}

}  // namespace

std::optional<int64_t> ElementCount(const std::vector<int64_t>& shape) {
  constexpr int64_t kMost = int64_t{1} << 48;
  if (shape.size() > 8) return std::nullopt;
  int64_t count = 1;
  bool empty = false;
  for (const int64_t dimension : shape) {
    if (dimension < 0) return std::nullopt;
    if (dimension == 0) {
      empty = true;
    } else if (__builtin_mul_overflow(count, dimension, &count) || count > kMost) {
      return std::nullopt;
    }
  }
  return empty ? 0 : count;
}

absl::StatusOr<at::Tensor> ToFloat32(const StoredTensor& tensor, std::shared_ptr<const void> keeper) {
  if (keeper != nullptr && IsReady(tensor)) return View(tensor, std::move(keeper));
  if (tensor.type == "F32") return Copy<float>(tensor);
  if (tensor.type == "F16") return Copy<c10::Half>(tensor);
  if (tensor.type == "BF16") return Copy<c10::BFloat16>(tensor);
  return absl::InvalidArgumentError(StrCat("tensor ", Printable(tensor.name), " has type ", Printable(tensor.type),
                                           "; weights must be F32, F16 or BF16"));
}

std::string ShapeText(const std::vector<int64_t>& shape) { return StrCat("[", absl::StrJoin(shape, ", "), "]"); }

}  // namespace fintag
