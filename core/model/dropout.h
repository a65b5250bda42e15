// Dropout from a counter: whether an element is dropped is a function of the seed, the site in the network, its row
// and its column, so no mask is stored (the backward pass asks again) and threads do not matter. On a GPU it is
// LibTorch's, one launch each way, from a generator that is seeded at every step.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>

namespace fintag {

// One dropout layer in one training step.
struct Dropout {
  double probability = 0;  // 0 <= probability < 1; 0: no dropout
  uint64_t key = 0;

  bool active() const { return probability > 0; }
  // An element is dropped where its 32 random bits are below this.
  uint32_t threshold() const { return static_cast<uint32_t>(probability * 4294967296.0); }
  float scale() const { return static_cast<float>(1 / (1 - probability)); }
};

// The dropout layer number `site` of a step seeded with `seed`. Sites of one step are independent.
Dropout DropoutAt(double probability, uint64_t seed, uint64_t site);

// The definition on the CPU, in plain integer operations: [rows, columns], float32, 0 where dropped and
// 1 / (1 - probability) elsewhere. With the key's halves k0 (low) and k1 and 32-bit arithmetic,
//   bits(row, column) = Mix(Mix(Mix(row ^ k0) + k1) + column * 0x9e3779b1),
// Mix being Wellons' lowbias32 (github.com/skeeto/hash-prospector).
at::Tensor DropoutMask(const Dropout& dropout, int64_t rows, int64_t columns, at::Device device);

// Before each training step, with its seed, where a GPU computes; nothing is to be done for the CPU.
void SeedDropout(at::Device device, uint64_t seed);

// `x` [rows, columns] with elements dropped, differentiable.
at::Tensor ApplyDropout(const at::Tensor& x, const Dropout& dropout);

}  // namespace fintag
