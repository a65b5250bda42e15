// ReadElements of the Open Inference Protocol's raw contents: the first byte is the count that the shape tells.
#include "server/api/bytes_tensor.h"

#include "tests/fuzz/input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view raw = fintag::fuzz::Text(data + 1, size - 1);
  const auto elements = fintag::server::ReadElements(raw, data[0]);
  if (!elements.ok()) return 0;
  FUZZ_PROMISE(elements->size() == data[0]);
  std::string again;
  for (const std::string_view element : *elements) fintag::server::AppendElement(element, again);
  FUZZ_PROMISE(again == raw);
  return 0;
}
