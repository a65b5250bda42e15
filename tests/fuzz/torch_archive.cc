// ParseTorchArchive, the zip format and the legacy one.
#include "core/model/torch_archive.h"

#include "tests/fuzz/tensor_promises.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view file = fintag::fuzz::Text(data, size);
  const auto tensors = fintag::ParseTorchArchive(fintag::fuzz::Bytes(file));
  FUZZ_PROMISE(tensors.ok() || absl::IsInvalidArgument(tensors.status()));
  if (tensors.ok()) fintag::fuzz::CheckTensors(*tensors, file);
  return 0;
}
