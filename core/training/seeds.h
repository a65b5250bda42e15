// What the seed of a run is drawn out into (DeriveSeed's streams).
#pragma once

#include <cstdint>

namespace fintag {

inline constexpr uint64_t kOrderStream = 1;       // sentences, by epoch
inline constexpr uint64_t kDropoutStream = 2;     // by batch over all epochs
inline constexpr uint64_t kClassifierStream = 3;  // fresh weights
inline constexpr uint64_t kSplitStream = 4;       // validation part

}  // namespace fintag
