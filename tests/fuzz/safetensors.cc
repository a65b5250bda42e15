// ParseSafetensors; what it takes is written and read again.
#include "core/model/safetensors.h"

#include <cstring>

#include "tests/fuzz/memory_file.h"
#include "tests/fuzz/tensor_promises.h"

namespace fintag::fuzz {
namespace {

void CheckRoundTrip(const std::vector<StoredTensor>& tensors) {
  std::map<std::string, at::Tensor> weights;
  for (const StoredTensor& tensor : tensors) {
    auto converted = ToFloat32(tensor);
    if (!converted.ok()) return;
    weights.emplace(tensor.name, *std::move(converted));
  }
  const MemoryFile file;
  FUZZ_PROMISE(WriteSafetensors(file.path(), weights).ok());
  const std::string bytes = file.Bytes();
  const auto again = ParseSafetensors(Bytes(bytes));
  FUZZ_PROMISE(again.ok() && again->size() == tensors.size());
  for (const StoredTensor& tensor : *again) {
    const auto before = weights.find(tensor.name);
    FUZZ_PROMISE(before != weights.end() && before->second.sizes() == tensor.shape);
    FUZZ_PROMISE(tensor.bytes.empty() ||
                 std::memcmp(tensor.bytes.data(), before->second.const_data_ptr(), tensor.bytes.size()) == 0);
  }
}

}  // namespace
}  // namespace fintag::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view file = fintag::fuzz::Text(data, size);
  const auto tensors = fintag::ParseSafetensors(fintag::fuzz::Bytes(file));
  FUZZ_PROMISE(tensors.ok() || absl::IsInvalidArgument(tensors.status()));
  if (!tensors.ok()) return 0;
  fintag::fuzz::CheckTensors(*tensors, file);
  fintag::fuzz::CheckRoundTrip(*tensors);
  return 0;
}
