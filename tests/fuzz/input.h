// What every fuzzer starts from: its input as text, as bytes and in parts, and promises whose breach is a crash.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "absl/types/span.h"

namespace fintag::fuzz {

[[noreturn]] inline void Broken(const char* promise, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: broken promise: %s\n", file, line, promise);
  std::abort();
}

inline std::string_view Text(const uint8_t* data, size_t size) {
  return size == 0 ? std::string_view() : std::string_view(reinterpret_cast<const char*>(data), size);
}

inline absl::Span<const uint8_t> Bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// Exactly `count` parts, the later ones empty where the input has fewer: it is cut at lines of "%%" alone.
inline std::vector<std::string_view> Parts(std::string_view text, size_t count) {
  constexpr std::string_view kCut = "\n%%\n";
  std::vector<std::string_view> parts;
  while (parts.size() + 1 < count) {
    const size_t end = text.find(kCut);
    parts.push_back(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + kCut.size());
  }
  parts.push_back(text);
  return parts;
}

// Whether `part` lies within `whole`; nothing lies anywhere.
inline bool Within(std::string_view part, std::string_view whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

}  // namespace fintag::fuzz

#define FUZZ_PROMISE(condition) \
  ((condition) ? static_cast<void>(0) : ::fintag::fuzz::Broken(#condition, __FILE__, __LINE__))

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
