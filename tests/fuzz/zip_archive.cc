// ReadZipDirectory: every entry lies within the file.
#include "core/model/zip_archive.h"

#include "tests/fuzz/input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view file = fintag::fuzz::Text(data, size);
  const auto entries = fintag::ReadZipDirectory(fintag::fuzz::Bytes(file));
  FUZZ_PROMISE(entries.ok() || absl::IsInvalidArgument(entries.status()));
  if (!entries.ok()) return 0;
  for (const auto& [name, bytes] : *entries) {
    FUZZ_PROMISE(fintag::fuzz::Within({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, file));
  }
  return 0;
}
