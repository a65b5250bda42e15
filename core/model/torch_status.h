// The border where LibTorch's exceptions end.
#pragma once

#include <c10/util/Exception.h>

#include <new>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"

namespace fintag {

// The status of the exception in flight: RESOURCE_EXHAUSTED for memory (c10::OutOfMemoryError, std::bad_alloc),
// INTERNAL otherwise. Call it inside a catch block only.
absl::Status StatusOfCurrentException();

// Runs `body`, which returns absl::Status or absl::StatusOr, and turns what it throws into a status.
template <typename Body>
std::invoke_result_t<Body> CatchTorch(Body&& body) {
  try {
    return std::forward<Body>(body)();
  } catch (...) {
    return StatusOfCurrentException();
  }
}

}  // namespace fintag
