// Dropout as the inner loops take it.
#pragma once

#include "core/model/dropout.h"
#include "core/model/simd_kernels.h"

namespace fintag {

inline DropoutBits BitsOf(const Dropout& dropout) {
  if (!dropout.active()) return {};
  return {static_cast<uint32_t>(dropout.key), static_cast<uint32_t>(dropout.key >> 32), dropout.threshold(),
          dropout.scale()};
}

}  // namespace fintag
