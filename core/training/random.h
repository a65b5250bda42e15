// The project's own generator: the same numbers on every platform and library, so a seed means one order of sentences.
#pragma once

#include <cstdint>
#include <span>
#include <utility>

namespace fintag {

// SplitMix64 (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators").
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  // Uniform in [0, bound), bound > 0 and at most 2^32: Lemire's multiplication, biased by less than 2^-32.
  uint64_t Below(uint64_t bound) { return ((Next() >> 32) * bound) >> 32; }

 private:
  uint64_t state_;
};

// A seed for use `index` of purpose `stream`, so that streams drawn from one seed are unrelated.
inline uint64_t DeriveSeed(uint64_t seed, uint64_t stream, uint64_t index) {
  Random first(seed ^ (stream * 0xd1342543de82ef95u));
  return Random(first.Next() + index).Next();
}

// Fisher-Yates.
template <typename T>
void Shuffle(std::span<T> values, Random& random) {
  for (size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[random.Below(i)]);
}

}  // namespace fintag
